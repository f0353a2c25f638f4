"""The command export-weights: a training checkpoint as a small file for others, or in the paper's own layout."""

from dataclasses import replace
from pathlib import Path

from ..config import Config, DataConfig
from ..utils.checkpoint import load_checkpoint, save_checkpoint
from ..utils.files import BASE
from . import load_denoiser


def export_published(checkpoint: Path, output: Path) -> None:
    """Write a training checkpoint as the paper's code saves its own: names of DistributedDataParallel, sampler state.

    Raises ValueError for a model that is not the published one, which that code cannot build.
    """
    state = load_checkpoint(checkpoint)
    config, published = load_denoiser(checkpoint, weights="raw").config, Config()
    for section in ("first_stage", "denoiser", "diffusion"):
        if getattr(config, section) != getattr(published, section):
            raise ValueError(
                f"{checkpoint}: its settings of {section} are not the published ones, which the paper's code needs"
            )
    wrapped = {_wrapped(name): tensor for name, tensor in state["score_sde_model"].items()}
    sampler = {"index": 0, "epoch": state["epoch"]}
    kept = {name: state[name] for name in ("epoch", "total_iterations", "optimizer", "ema")}
    save_checkpoint(output, {**kept, "score_sde_model": wrapped, "training_data_sampler": sampler})


def _wrapped(name: str) -> str:
    module, rest = name.split(".", 1)
    return f"{module}.module.{rest}"


def _without_places(config: Config) -> None:
    """Take out where the training's data lay: nobody else has it there. How pairs were chosen stays."""
    data = DataConfig()
    config.data = replace(
        config.data,
        poses=data.poses,
        videos=data.videos,
        chunks=None,
        latents=None,
        validation=None,
    )
    config.training.initial_weights = None


def _place(path: Path) -> str:
    """A path as settings name it: relative to the repository where it lies in it."""
    path = path.resolve()
    return str(path.relative_to(BASE) if path.is_relative_to(BASE) else path)
