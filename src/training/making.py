"""Making a whole model by a recipe: rooms, first stage, latents, score network, few-step network.

Everything lies in one folder, and a stage whose result is there is skipped. So a stopped run goes
on with the same call:

    chunks/train-0/, chunks/test/   rendered rooms
    first-stage.safetensors         and first-stage/, its checkpoints and logs
    latents-0/                      of the rooms of part 0, and so on
    own-frames-1.npz                of the network itself, in rooms of part 1, and so on
    score/, few-step/               checkpoints and logs of the two trainings
    weights/                        the result, in half precision
    made.json                       what was planned, and the seconds that each stage took

A training's steps follow from its time. For a tenth of it the network trains at the full rate, and
how fast that goes gives the number of steps. These stay, however often the run is stopped.
"""

import logging
import multiprocessing
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..config import Config
from ..datasets.latents import LatentCache, first_stage_fingerprint
from ..datasets.rooms.varied.shots import Shot, make_chunks
from ..datasets.sources import open_dataset
from ..models import load_denoiser, load_first_stage
from ..models.choosing import follow_first_stage
from ..models.export import export_weights
from ..models.places import OWN_FIRST_STAGE
from ..utils.checkpoint import list_checkpoints
from ..utils.distributed import choose_device
from .first_stage import train_first_stage
from .latents import encode_latents
from .own_frames import make_own_frames
from .plan import Part, Plan, train_in_time
from .recipe import Recipe
from .score import train

log = logging.getLogger(__name__)


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
        self.plan = Plan(self.folder / "made.json")

    def make(self) -> Path:
        """Do all that is not done; returns the folder of the weights."""
        self.plan.stage("rooms", self._render_first)
        self.plan.stage("first stage", self._make_first_stage)
        for part in range(self.recipe.parts):
            with self._rendering(part + 1):
                self.plan.stage(f"latents {part}", partial(self._encode, part))
                self.plan.stage(f"own frames {part}", partial(self._make_own_frames, part))
                self.plan.stage(f"score network {part}", partial(self._train_score, part))
        self.plan.stage("few-step network", self._train_few_step)
        self.plan.stage("export", self._export)
        return self.folder / "weights"

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
        if name not in self.plan:
            tried = min(recipe.rooms, recipe.chunk_rooms * self.workers)
            started = time.monotonic()
            self._render("train", part, tried)
            seconds = time.monotonic() - started
            self.plan["rooms a second"] = tried / seconds
            left = 60 * recipe.minutes.rooms - seconds
            self.plan[name] = min(recipe.rooms, tried + self._affordable(left))
        self._render("train", part, int(self.plan[name]))

    def _affordable(self, seconds: float) -> int:
        """Rooms that this time is enough for, in whole chunks."""
        chunks = self.plan["rooms a second"] * max(0.0, seconds) // self.recipe.chunk_rooms
        return int(chunks) * self.recipe.chunk_rooms

    @contextmanager
    def _rendering(self, part: int) -> Iterator[None]:
        """Render a part's rooms beside the block, if there is such a part."""
        if part >= self.recipe.parts:
            yield
            return
        name = f"rooms {part}"
        if name not in self.plan:
            seconds = 60 * self.recipe.minutes.score / self.recipe.parts
            count = max(self.recipe.chunk_rooms, self._affordable(0.9 * seconds))
            self.plan[name] = min(self.recipe.rooms, count)
        context = multiprocessing.get_context("spawn")
        arguments = "train", part, int(self.plan[name])
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
        self._train("first stage", config, run, self.folder / "first-stage", minutes)

    @property
    def _first_stage_weights(self) -> Path:
        return self.folder / OWN_FIRST_STAGE

    def _encode(self, part: int) -> None:
        """Latents of a part's rooms."""
        config = self._score_config(part)
        first_stage = load_first_stage(self._first_stage_weights, choose_device(self.device))
        folder, precision = self._latents(part), self.recipe.encode_precision
        encode_latents(config, folder, first_stage, precision=precision)
        if "sigma_data" not in self.plan:
            self.plan["sigma_data"] = round(LatentCache(folder).deviation(), 3)

    def _own_frames(self, part: int) -> Path:
        return self.folder / f"own-frames-{part}.npz"

    def _make_own_frames(self, part: int) -> None:
        """Frames of a part's rooms by the network as it is after the parts before."""
        path = self._own_frames(part)
        if self.recipe.own_rooms and part and not path.is_file():
            newest = list_checkpoints(self.folder / "score" / "checkpoints")[-1]
            device = choose_device(self.device)
            denoiser = load_denoiser(newest, device=device)
            first_stage = load_first_stage(self._first_stage_weights)
            pairs = open_dataset(self._score_config(part), first_stage_fingerprint(first_stage))
            make_own_frames(pairs, path, denoiser, self.recipe.own_rooms, seed=self.seed)

    def _latents(self, part: int) -> Path:
        return self.folder / f"latents-{part}"

    def _score_config(self, part: int, *more: str) -> Config:
        words = [
            f"data.chunks={self._chunks(part)}",
            f"data.latents={self._latents(part)}",
            f"data.first_stage={self._first_stage_weights}",
        ]
        if "sigma_data" in self.plan:
            words.append(f"denoiser.sigma_data={self.plan['sigma_data']}")
        if self._own_frames(part).is_file():
            words.append(f"data.own_frames={self._own_frames(part)}")
        return follow_first_stage(self.recipe.score.load(*words, *more), set(), self.folder)

    def _train_score(self, part: int) -> None:
        """Train on a part, and after the last one write the weights that tuning starts from."""
        name, folder = "score network", self.folder / "score"
        run = partial(train, instance_data=folder, device=self.device)
        config, minutes = self._score_config(part), self.recipe.minutes.score
        self._train(name, config, run, folder, minutes, part=Part(part, self.recipe.parts))
        if part == self.recipe.parts - 1 and not (self.folder / "score.safetensors").is_file():
            _export(folder, self.folder / "score.safetensors")

    def _train_few_step(self) -> None:
        """Tune the score network for few evaluations, on the last part."""
        folder = self.folder / "few-step"
        start = f"training.initial_weights={self.folder}/score.safetensors"
        words = ["diffusion.objective=consistency", *self.recipe.few_step, start]
        config = self._score_config(self.recipe.parts - 1, *words)
        run = partial(train, instance_data=folder, device=self.device)
        self._train("few-step network", config, run, folder, self.recipe.minutes.few_step)

    def _train(self, *what: object, **options: object) -> None:
        recipe = self.recipe
        more = {"decay": recipe.decay, "by_the_clock": recipe.by_the_clock}
        train_in_time(self.plan, *what, **more, **options)

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
