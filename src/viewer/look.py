"""Looking at samples: which one, which run, another beside it, and how consistent it is."""

import threading
from typing import TYPE_CHECKING

from ..evaluation.registry import open_matcher
from ..evaluation.sequences import Settings, run_job, score_sequences
from ..samples import SPEC, RunFolder, Sample
from ..utils.identifiers import check_identifier
from .pictures import sentence

if TYPE_CHECKING:
    import viser

    from .desk import Desk
    from .run_view import RunView

NONE = "none"


class Look:
    """The tab of all samples."""

    def __init__(self, desk: "Desk", view: "RunView") -> None:
        self.desk, self.view = desk, view
        gui, guarded = desk.server.gui, desk.guarded
        self._samples = gui.add_dropdown("Sample", (NONE,))
        self._runs = gui.add_dropdown("Run", (NONE,))
        self._beside = gui.add_dropdown("Beside it", (NONE,))
        self._again = gui.add_button("Look for new samples", icon="refresh", color="gray")
        hint = "TSED: do neighbouring frames agree with the cameras? Takes some seconds."
        self._measure = gui.add_button("Measure consistency", icon="ruler-2", hint=hint)
        self._worst = gui.add_button(
            "Show the worst pair", icon="zoom-exclamation", color="gray", visible=False
        )
        self._text = gui.add_html("")
        self._samples.on_update(guarded(lambda _: self.choose_sample(self._samples.value)))
        self._runs.on_update(guarded(lambda _: self._show()))
        self._beside.on_update(guarded(lambda _: self._show()))
        self._again.on_click(guarded(lambda _: self.refresh()))
        self._measure.on_click(guarded(lambda _: self._begin_scoring()))
        self._worst.on_click(guarded(self._show_worst))
        self.refresh()

    def refresh(self) -> None:
        """The samples that are there now."""
        folders = sorted((self.desk.instance_data / "samples").glob(f"*/{SPEC}"))
        chosen = self._samples.value
        self._samples.options = (NONE, *(path.parent.name for path in folders))
        if chosen in self._samples.options:
            self._samples.value = chosen
        if not folders:
            self._text.content = sentence("No samples yet. Make a video first.", "soft")

    def point_at(self, run: RunFolder) -> None:
        """Choose a run without showing it; it may be new."""
        self.refresh()
        self._samples.value = run.sample.name
        self._offer_runs()
        if run.name in self._runs.options:
            self._runs.value = run.name
        self._say()

    def choose_sample(self, name: str) -> None:
        """Show a sample's first run."""
        if name == NONE:
            return
        self._offer_runs()
        self._show()
        self.view.world.step_back()

    def _offer_runs(self) -> None:
        runs = [run.name for run in self._sample().runs()]
        self._runs.options = tuple(runs) or (NONE,)
        self._beside.options = (NONE, *runs)

    def _sample(self) -> Sample:
        """The chosen sample; its name comes from the browser, which can send anything."""
        name = check_identifier(self._samples.value, "sample")
        return Sample(self.desk.instance_data / "samples" / name)

    def _show(self) -> None:
        beside = self._beside.value
        none = beside in (NONE, self._runs.value)
        other = None if none else self._sample().run(check_identifier(beside, "run"))
        self.view.show(self._run(), other)
        self._say()

    def _run(self) -> RunFolder:
        if self._samples.value == NONE:
            raise ValueError("choose a sample first")
        name = check_identifier(self._runs.value, "run")
        return self._sample().run(0 if name == NONE else name)

    def _begin_scoring(self) -> None:
        run = self._run()
        self._text.content = sentence("Measuring …", "soft")
        self._measure.disabled = True
        threading.Thread(target=self._score, args=(run,), daemon=True).start()

    def _score(self, run: RunFolder) -> None:
        """Without the lock, so that the page goes on meanwhile."""
        try:
            job, settings = run_job(run), Settings(open_matcher("sift"))
            (outcome,) = score_sequences([job], settings, 1, pages=True)
            fault = "" if outcome.report else "; ".join(outcome.lines)
        except (ValueError, OSError) as error:
            fault = str(error)
        with self.desk.lock:
            self._measure.disabled = False
            if fault:
                self._text.content = sentence(fault, "bad")
            elif self.view.run == run and self.view.on_stage:
                self.view.show(run, self.view.beside)
                self._say()

    def _say(self) -> None:
        report = self.view.report
        self._worst.visible = bool(report and report["count"]["scored"])
        if report is None:
            self._text.content = sentence("Consistency is not measured yet.", "soft")
            return
        count, page = report["count"], self.view.run.results.page
        text = f"{count['consistent']} of {count['scored']} pairs of neighbours are consistent"
        tsed = f" (TSED {report['tsed']:.2f})" if report["tsed"] is not None else ""
        text += f"{tsed}. Click a coloured ball between two cameras to see why."
        if page.is_file():
            text += f" The whole report is {page}."
        self._text.content = sentence(text)

    def _show_worst(self, event: "viser.GuiEvent") -> None:
        pairs = self.view.report["pairs"] if self.view.report else []
        known = [index for index, pair in enumerate(pairs) if pair["median_sed"] is not None]
        if not known:
            raise ValueError("no pair has matches")
        worst = max(known, key=lambda index: pairs[index]["median_sed"])
        self.view.frames.choose(worst)
        self.view.show_pair(worst, event.client)
