"""Generating from the page: begin, stop, go on, and what is seen of it meanwhile."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..diffusion.registry import SAMPLERS
from ..samples import RunFolder
from ..sampling.method import Method
from ..sampling.runs import Run
from ..utils.words import duration
from .pictures import data_uri, figures, sentence
from .steer import heading
from .work import Listener, Look, Task, Work

if TYPE_CHECKING:
    import viser

    from .desk import Desk
    from .run_view import RunView
    from .steer import Steer

RULES = {
    "the one before": "previous",
    "the three before": "last-3",
    "all before": "all",
    "every fifth frame first": "keyframes-5",
}
MOST_DRAWS, MOST_STEPS = 8, 4000
OF_THE_WEIGHTS = "the one that fits the weights"
ROUGH_SIZE = 160  # pixels of the forming frame on the page


class Generate:
    """The third step of making a video."""

    def __init__(self, desk: "Desk", steer: "Steer", view: "RunView", work: Work) -> None:
        self.desk, self.steer, self.view, self.work = desk, steer, view, work
        self.task: Task | None = None  # that was begun last
        self._begun = False  # whether its first step is done, and so its given frames are there
        # Called with the first run when a drawing ended.
        self.finished: Callable[[RunFolder], object] = lambda run: None
        gui = desk.server.gui
        gui.add_html(heading("3 · Generate"))
        with gui.add_folder("Choices", expand_by_default=False):
            self._add_choices(gui)
        self._begin = gui.add_button("Generate", icon="sparkles")
        self._stop = gui.add_button("Stop", icon="player-stop", color="red", visible=False)
        self._go_on = gui.add_button("Go on", icon="player-play", visible=False)
        self._bar = gui.add_progress_bar(0, visible=False)
        self.status = gui.add_html("")
        self._forming = gui.add_html("", visible=False)
        guarded = desk.guarded
        self._begin.on_click(guarded(lambda _: self.begin()))
        self._stop.on_click(guarded(lambda _: self._ask_to_stop()))
        self._go_on.on_click(guarded(lambda _: self.go_on()))

    def _add_choices(self, gui: "viser.GuiApi") -> None:
        self._rule = gui.add_dropdown("Each frame is made from", tuple(RULES))
        self._draws = gui.add_slider("Draws", 1, MOST_DRAWS, 1, 1, hint="Each looks different")
        hint = "More steps take longer, and can be finer; 0: as many as the sampler needs"
        self._steps = gui.add_number("Steps", 0, min=0, max=MOST_STEPS, step=1, hint=hint)
        self._sampler = gui.add_dropdown("Sampler", (OF_THE_WEIGHTS, *SAMPLERS))
        hint = "Of the random numbers; the same seed gives the same frames"
        self._seed = gui.add_number("Seed", 0, min=0, step=1, hint=hint)
        hint = "Of the folder in samples/; empty: after the photo"
        self.name = gui.add_text("Name", "", hint=hint)
        guarded = self.desk.guarded
        self._rule.on_update(
            guarded(
                lambda _: self.steer.change(replace(self.steer.plan, rule=RULES[self._rule.value]))
            )
        )

    def begin(self) -> None:
        """Save the previewed path, and make new runs of it."""
        if not 1 <= self._draws.value <= MOST_DRAWS or self._steps.value > MOST_STEPS:
            raise ValueError(f"expected 1 to {MOST_DRAWS} draws and at most {MOST_STEPS} steps")
        sampler = None if self._sampler.value == OF_THE_WEIGHTS else self._sampler.value
        method = Method(sampler, self._steps.value or None, self._seed.value)
        self._refuse_two()
        sample = self.steer.save(self.name.value)
        first = sample.free_run_number()
        self._start(Task(sample, method, tuple(range(first, first + self._draws.value))))

    def go_on(self) -> None:
        """Make what the last task still lacks."""
        if self.task is None:
            raise ValueError("nothing was begun yet")
        self._start(self.task)

    def _start(self, task: Task) -> None:
        self._refuse_two()
        self.task, self._begun = task, False
        self.view.show(task.sample.run(task.runs[0]))
        self.view.world.step_back()
        self._show_state(running=True)
        self.status.content = sentence("Opening the model …", "soft")
        self.work.start(task, Listener(self._look, self._frame, self._ended))

    def _refuse_two(self) -> None:
        if self.work.running:
            raise ValueError("frames are being generated already; stop first")

    def _show_state(self, running: bool, more: bool = False) -> None:
        self._begin.visible, self._stop.visible = not running, running
        self._go_on.visible = more and not running
        self._bar.visible = running or more
        self._forming.visible = running
        self._stop.disabled = False

    def _ask_to_stop(self) -> None:
        self.work.stop()
        self._stop.disabled = True
        self.status.content = sentence("Stopping …", "soft")

    def _look(self, look: Look) -> None:
        self._bar.value = 100 * min(look.share, 1.0)
        text = f"Frame {look.frame}, step {look.step} of {look.steps}. "
        self.status.content = sentence(text + f"About {duration(look.seconds_left)} left.")
        forming = [(f"frame {look.frame} is forming", data_uri(look.rough, ROUGH_SIZE))]
        self._forming.content = figures(forming, columns=2)
        if not self._begun:
            self._begun = True
            self._show_again(self.task)

    def _frame(self, run: Run, index: int, image: np.ndarray) -> None:
        with self.desk.lock:
            self.view.add(run.place, index, image)

    def _ended(self, task: Task, done: bool, fault: str) -> None:
        with self.desk.lock:
            self._show_state(running=False, more=not done)
            folder = f"samples/{task.sample.name}"
            if fault:
                self.status.content = sentence(fault, "bad")
            elif done:
                self._bar.value = 100
                text = f"Done. All is in {folder}; take it home below."
                self.status.content = sentence(text, "good")
            else:
                text = f"Stopped. What is done stays in {folder}."
                self.status.content = sentence(text)
            self._show_again(task)
            self.finished(task.sample.run(task.runs[0]))

    def _show_again(self, task: Task) -> None:
        """Show what there is of the task's first run, unless the page shows something else now."""
        with self.desk.lock:
            run = task.sample.run(task.runs[0])
            if self.view.on_stage and run == self.view.run:
                self.view.show(run, self.view.beside)
