"""The denoiser and the first stage; built and loaded here only."""

from .denoiser import Denoiser, build_denoiser
from .first_stage import build_first_stage
from .weights import load_denoiser, load_first_stage, open_first_stage, save_weights

__all__ = [
    "Denoiser",
    "build_denoiser",
    "build_first_stage",
    "load_denoiser",
    "load_first_stage",
    "open_first_stage",
    "save_weights",
]
