"""Making a whole model by a recipe: rooms, first stage, latents, score network, few-step network.

Everything lies in one folder, and a stage whose result is there is skipped. So a stopped run goes
on with the same call:

    chunks/train-0/, chunks/test/   rendered rooms
    first-stage.safetensors         and first-stage/, its checkpoints and logs
    latents-0/                      of the rooms of part 0, and so on
    score/, few-step/               checkpoints and logs of the two trainings
    weights/                        the result, in half precision
    made.json                       what was planned, and the seconds that each stage took

A training's steps follow from its time. For a tenth of it the network trains at the full rate, and
how fast that goes gives the number of steps. These stay, however often the run is stopped.
"""

import json
import logging
import multiprocessing
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..config import Config
from ..datasets.latents import LatentCache
from ..datasets.rooms.varied.shots import Shot, make_chunks
from ..models import load_first_stage
from ..models.choosing import follow_first_stage
from ..models.export import export_weights
from ..models.places import OWN_FIRST_STAGE
from ..utils.checkpoint import list_checkpoints, own_step
from ..utils.distributed import choose_device
from ..utils.files import atomic_path
from ..utils.json_files import read_json
from .first_stage import train_first_stage
from .latents import encode_latents
from .recipe import Recipe
from .score import train

log = logging.getLogger(__name__)

TRIED = 0.1  # of a training's time, before its steps are planned
UNPLANNED = 10**9  # steps, of a training whose end is not known yet
SPARE = 0.95  # of the time that is left, for what the speed does not show


class Interrupted(ValueError):
    """A stage was stopped before its end."""


@dataclass
class Maker:
    """A model being made in `folder`; `make` does it."""

    recipe: Recipe
    folder: Path
    first_stage: Path | None  # weights to use, not to train
    device: str | None
    workers: int
    seed: int

    def __post_init__(self) -> None:
        self.made_file = self.folder / "made.json"
        made = read_json(self.made_file) if self.made_file.is_file() else {}
        self.planned: dict[str, float] = made.get("planned", {})
        self.seconds: dict[str, float] = made.get("seconds", {})

    def make(self) -> Path:
        """Do all that is not done; returns the folder of the weights."""
        self._stage("rooms", self._render_first)
        self._stage("first stage", self._make_first_stage)
        for part in range(self.recipe.parts):
            with self._rendering(part + 1):
                self._stage(f"latents {part}", partial(self._encode, part))
                self._stage(f"score network {part}", partial(self._train_score, part))
        self._stage("few-step network", self._train_few_step)
        self._stage("export", self._export)
        return self.folder / "weights"

    def _stage(self, name: str, do: Callable[[], None]) -> None:
        started = time.monotonic()
        log.info("stage: %s", name)
        try:
            do()
        finally:
            self.seconds[name] = self.seconds.get(name, 0) + time.monotonic() - started
            self._write()
        log.info("stage %s: done, %.0f seconds in all", name, self.seconds[name])

    def _write(self) -> None:
        with atomic_path(self.made_file) as temporary:
            made = {"planned": self.planned, "seconds": self.seconds}
            temporary.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")

    def _plan(self, name: str, value: float) -> None:
        self.planned[name] = value
        self._write()

    # Rooms

    def _chunks(self, part: int) -> Path:
        return self.folder / "chunks" / f"train-{part}"

    def _render(self, split: str, part: int, count: int) -> None:
        """Render rooms of a split; those that are there are kept."""
        recipe, first = self.recipe, part * self.recipe.rooms
        numbers = range(first, first + count)
        shots = [Shot(split, self.seed, n, recipe.frames, recipe.size) for n in numbers]
        folder = self._chunks(part) if split == "train" else self.folder / "chunks" / split
        chunks = -(-count // recipe.chunk_rooms)
        if len(list(folder.glob("[!.]*.torch"))) < chunks or not (folder / "index.json").is_file():
            make_chunks(folder, shots, recipe.chunk_rooms, self.workers)

    def _render_first(self) -> None:
        """As many rooms as there is time for; the first chunk of each process tells the speed."""
        recipe, part, name = self.recipe, 0, "rooms 0"
        if name not in self.planned:
            tried = min(recipe.rooms, recipe.chunk_rooms * self.workers)
            started = time.monotonic()
            self._render("train", part, tried)
            seconds = time.monotonic() - started
            self._plan("rooms a second", tried / seconds)
            left = 60 * recipe.minutes.rooms - seconds
            self._plan(name, min(recipe.rooms, tried + self._affordable(left)))
        self._render("train", part, int(self.planned[name]))

    def _affordable(self, seconds: float) -> int:
        """Rooms that this time is enough for, in whole chunks."""
        chunks = self.planned["rooms a second"] * max(0.0, seconds) // self.recipe.chunk_rooms
        return int(chunks) * self.recipe.chunk_rooms

    @contextmanager
    def _rendering(self, part: int) -> Iterator[None]:
        """Render a part's rooms beside the block, if there is such a part."""
        if part >= self.recipe.parts:
            yield
            return
        name = f"rooms {part}"
        if name not in self.planned:
            seconds = 60 * self.recipe.minutes.score / self.recipe.parts
            count = max(self.recipe.chunk_rooms, self._affordable(0.9 * seconds))
            self._plan(name, min(self.recipe.rooms, count))
        context = multiprocessing.get_context("spawn")
        arguments = "train", part, int(self.planned[name])
        beside = context.Process(target=self._render, args=arguments)
        beside.start()
        try:
            yield
            beside.join()
        finally:
            beside.terminate()

    # Networks

    def _make_first_stage(self) -> None:
        """Copy the weights that were given, or train, watched on test rooms."""
        if self.first_stage:
            if not self._first_stage_weights.is_file():
                shutil.copyfile(self.first_stage, self._first_stage_weights)
            return
        self._render("test", 0, self.recipe.test_rooms)
        config = self.recipe.first_stage.load(
            f"data.chunks={self._chunks(0)}", f"data.validation={self.folder}/chunks/test"
        )
        minutes = self.recipe.minutes.first_stage
        run = partial(train_first_stage, instance_data=self.folder, device=self.device)
        self._train("first stage", config, minutes, run, self.folder / "first-stage")

    @property
    def _first_stage_weights(self) -> Path:
        return self.folder / OWN_FIRST_STAGE

    def _encode(self, part: int) -> None:
        """Latents of a part's rooms."""
        config = self._score_config(part)
        first_stage = load_first_stage(self._first_stage_weights, choose_device(self.device))
        folder, precision = self._latents(part), self.recipe.encode_precision
        encode_latents(config, folder, first_stage, precision=precision)
        if "sigma_data" not in self.planned:
            self._plan("sigma_data", round(LatentCache(folder).deviation(), 3))

    def _latents(self, part: int) -> Path:
        return self.folder / f"latents-{part}"

    def _score_config(self, part: int, *more: str) -> Config:
        words = [
            f"data.chunks={self._chunks(part)}",
            f"data.latents={self._latents(part)}",
            f"data.first_stage={self._first_stage_weights}",
        ]
        if "sigma_data" in self.planned:
            words.append(f"denoiser.sigma_data={self.planned['sigma_data']}")
        return follow_first_stage(self.recipe.score.load(*words, *more), set(), self.folder)

    def _train_score(self, part: int) -> None:
        """Train on a part, and after the last one write the weights that tuning starts from."""
        name, folder = "score network", self.folder / "score"
        run = partial(train, instance_data=folder, device=self.device)
        share = (part + 1) / self.recipe.parts
        config = self._score_config(part)
        self._train(name, config, self.recipe.minutes.score, run, folder, share)
        if part == self.recipe.parts - 1 and not (self.folder / "score.safetensors").is_file():
            _export(folder, self.folder / "score.safetensors")

    def _train_few_step(self) -> None:
        """Tune the score network for few evaluations, on the last part."""
        folder = self.folder / "few-step"
        start = f"training.initial_weights={self.folder}/score.safetensors"
        words = ["diffusion.objective=consistency", *self.recipe.few_step, start]
        config = self._score_config(self.recipe.parts - 1, *words)
        run = partial(train, instance_data=folder, device=self.device)
        self._train("few-step network", config, self.recipe.minutes.few_step, run, folder)

    def _train(
        self,
        name: str,
        config: Config,
        minutes: float,
        run: Callable[[Config], object],
        folder: Path,
        share: float = 1.0,
    ) -> None:
        """Train for `share` of the steps that fit into the minutes; the number is planned first.

        run: the training. folder: of its checkpoints/ and logs/.
        """
        if f"{name} ended {share:g}" in self.planned:
            return
        started, training, steps_name = time.monotonic(), config.training, f"{name} steps"
        if steps_name not in self.planned:
            training.steps, training.minutes = UNPLANNED, TRIED * minutes
            training.decay_steps = 0
            run(config)
            if time.monotonic() - started < 60 * training.minutes:
                raise Interrupted(f"{name}: stopped; the same command goes on")
            left = SPARE * 60 * minutes - (time.monotonic() - started)
            rate = _speed(folder / "logs" / "stats.jsonl") / training.batch_size
            self._plan(steps_name, _step(folder) + max(1, int(rate * max(0.0, left))))
        steps = int(self.planned[steps_name])
        training.steps = max(1, round(share * steps))
        training.decay_steps = int(self.recipe.decay * steps) if share == 1 else 0
        training.minutes, again = None, time.monotonic()
        if self.recipe.by_the_clock:
            training.minutes = max(0.0, minutes / self.recipe.parts - (again - started) / 60)
        run(config)
        late = self.recipe.by_the_clock and time.monotonic() - again >= 60 * training.minutes
        if _step(folder) < training.steps and not late:
            raise Interrupted(f"{name}: stopped; the same command goes on")
        self._plan(f"{name} ended {share:g}", _step(folder))

    # Results

    def _export(self) -> None:
        """Both networks and their first stage, in half precision."""
        weights = self.folder / "weights"
        for name, folder in (("score", "score"), ("denoiser", "few-step")):
            if not (weights / f"{name}.safetensors").is_file():
                first_stage = weights / OWN_FIRST_STAGE
                options = {"half": True, "first_stage": first_stage}
                _export(self.folder / folder, weights / f"{name}.safetensors", **options)


def _export(folder: Path, path: Path, **options: object) -> None:
    """Write the averaged weights of the newest checkpoint in `folder`."""
    export_weights(list_checkpoints(folder / "checkpoints")[-1], path, folder, **options)


def _step(folder: Path) -> int:
    """The step of a training's newest checkpoint."""
    return own_step(list_checkpoints(folder / "checkpoints")[-1])


def _speed(stats: Path) -> float:
    """Samples a second of a training, by the last line of its log that has them."""
    rows = map(json.loads, stats.read_text(encoding="utf-8").splitlines())
    name = "training/samples_per_second"
    return [row[name] for row in rows if name in row][-1]


def make_model(
    recipe: Recipe,
    folder: Path,
    *,
    first_stage: Path | None = None,
    device: str | None = None,
    workers: int = 1,
    seed: int = 0,
) -> Path:
    """Make a model in `folder`, or go on where it stands; returns the folder of its weights.

    first_stage: weights to use instead of training some. device: default a GPU if there is one.
    workers: processes that render. seed: of the rooms. Raises ValueError for what cannot be, and
    `Interrupted` where a training was asked to stop.
    """
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return Maker(recipe, folder, first_stage, device, workers, seed).make()
