"""How far a rendering is, from its first second on."""

from collections.abc import Callable, Sequence

from ...utils.parallel import in_processes, report
from ...utils.progress import progress_bar


def rendered(done: int) -> None:
    """Note that so many more frames, or rooms, are there."""
    report(done)


def begun(doing: str) -> None:
    """Note what is being done now, in words."""
    report(doing)


def render(
    job: Callable[..., int], tasks: Sequence[tuple], workers: int, total: int, unit: str
) -> int:
    """The sum of what `job` returns for each task, in processes that say what they do.

    They call `rendered` and `begun`. total, unit: of all that is to be rendered.
    """
    with progress_bar(total, "rendering", unit) as bar:
        bar.set_postfix_str(f"starting {workers} processes" if workers > 1 else "starting")

        def show(news: int | str) -> None:
            if isinstance(news, str):
                bar.set_postfix_str(news)
            else:
                bar.update(news)

        return sum(made for _, made in in_processes(job, tasks, workers, show))
