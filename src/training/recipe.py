"""A recipe: how a whole model of made-up rooms is made, from rendered rooms to exported weights."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from ..config import PRESETS, Config, load_config, read_settings, settings_from_dict
from ..utils.checks import check_above_zero, check_at_least
from ..utils.words import one_line

RECIPES = PRESETS / "recipes"
STAGES = "rooms", "first_stage", "score", "few_step"  # those that take a time of their own


@dataclass
class Settings:
    """Settings of a training: a preset's name or a YAML file, and what replaces parts of it."""

    config: str = "small"
    settings: list[str] = field(default_factory=list)  # key=value

    def load(self, *more: str) -> Config:
        """The settings, with `more` key=value after them; raises as `load_config`."""
        return load_config(self.config, [*self.settings, *more])


@dataclass
class Minutes:
    """How long each stage may take."""

    rooms: float = 60.0
    first_stage: float = 180.0
    score: float = 360.0
    few_step: float = 90.0

    def __post_init__(self) -> None:
        check_above_zero("minutes", self, *STAGES)


@dataclass
class Recipe:
    """What each stage does; latents and the export follow from the rest."""

    rooms: int = 4000  # at most, of each part
    # Sets of rooms that the score network sees one after the other, in equal numbers of steps.
    # While it trains on one, the next is rendered.
    parts: int = 1
    test_rooms: int = 64
    frames: int = 10  # of a room
    # Of each part but the first: rooms whose frames the network makes itself, to train on as views.
    own_rooms: int = 0
    size: int = 128  # pixels
    chunk_rooms: int = 50  # rooms in a file
    minutes: Minutes = field(default_factory=Minutes)
    # End trainings at their time, although fewer steps were done than were planned.
    by_the_clock: bool = False
    encode_precision: str = "float32"
    first_stage: Settings = field(default_factory=Settings)
    score: Settings = field(default_factory=Settings)
    few_step: list[str] = field(default_factory=list)  # what differs from `score`, key=value
    # Of the steps of each training, those at the end in which the rate falls to zero.
    decay: float = 0.5

    def __post_init__(self) -> None:
        check_at_least(0, "recipe", self, "own_rooms")
        names = "rooms", "parts", "test_rooms", "frames", "size", "chunk_rooms"
        check_at_least(1, "recipe", self, *names)
        last = 1 / self.parts  # part's share of the steps
        if not 0 <= self.decay <= last:
            raise ValueError(f"recipe.decay {self.decay}: expected 0 to {last:g}")


def load_recipe(name: str) -> Recipe:
    """A recipe from a preset's name or a YAML file.

    Raises FileNotFoundError, or ValueError for an unknown key or a value that cannot be.
    """
    path = Path(name) if Path(name).suffix in (".yaml", ".yml") else RECIPES / f"{name}.yaml"
    if not path.is_file():
        presets = ", ".join(sorted(preset.stem for preset in RECIPES.glob("*.yaml")))
        raise FileNotFoundError(f"no recipe {name}: expected a YAML file or one of {presets}")
    try:
        return settings_from_dict(Recipe, OmegaConf.to_container(read_settings(path)))
    except (OmegaConfBaseException, YAMLError, ValueError, OSError) as error:
        raise ValueError(f"recipe {path}: {one_line(error)}") from error


def with_minutes(recipe: Recipe, minutes: float | None, of: dict[str, float]) -> Recipe:
    """The recipe with other times: `minutes` for every stage, then those `of` single stages.

    Raises ValueError for a stage that is none, or a time that cannot be.
    """
    unknown = [name for name in of if name not in STAGES]
    if unknown:
        raise ValueError(f"stage {unknown[0]!r}: expected one of {', '.join(STAGES)}")
    times = asdict(recipe.minutes) if minutes is None else dict.fromkeys(STAGES, minutes)
    recipe.minutes = Minutes(**(times | of))
    return recipe
