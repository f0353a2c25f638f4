"""What a file of weights holds, in lines for people."""

import math
import time
from pathlib import Path
from typing import Any

from ..cameras.motion import Motion
from ..config import settings_from_dict, without_training
from ..model_config import DenoiserConfig, DiffusionConfig, FirstStageConfig, ModelConfig
from ..utils.checkpoint import is_ours, read_checkpoint
from ..utils.json_files import parse_json
from ..utils.safetensors_files import open_safetensors
from ..utils.words import first_line, millions
from .motion import motion_of
from .provenance import provenance, training_state
from .weights import plain_names

FIRST_STAGE_NAMES = (
    "encoder.conv_in.weight",
    "quantize.embedding.weight",
    "post_quant_conv.weight",
    "decoder.conv_out.weight",
)
KINDS = {"denoiser": "a score network", "first_stage": "a first stage"}
# Where a checkpoint has weights: its key, what they are, and the names of some that they must have.
PLACES = (
    ("score_sde_model", "denoiser", ("score_model.input_conv.weight",)),
    ("state_dict", "first_stage", FIRST_STAGE_NAMES),
    ("first_stage", "first_stage", FIRST_STAGE_NAMES),  # a checkpoint of its training
)


def weights_lines(path: Path) -> list[str]:
    """Of a .safetensors, .pth or .ckpt file; raises ValueError for one that holds no weights."""
    read = _safetensors if path.suffix == ".safetensors" else _checkpoint
    kind, origin, settings, count = read(path)
    written = time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_mtime))
    try:
        config = _config_lines(kind, settings)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    size = path.stat().st_size / 1e6
    head = f"weights of {KINDS[kind]}: {origin}"
    motion = motion_of(path) if kind == "denoiser" else None
    learnt = [_motion_line(motion)] if motion else []
    return [head, f"{millions(count)} parameters, {size:.1f} MB, of {written}", *config, *learnt]


def _safetensors(path: Path) -> tuple[str, str, Any, int]:
    """Kind, origin, settings and number of parameters."""
    with open_safetensors(path) as file:
        metadata = file.metadata() or {}
        shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    try:
        settings = parse_json(metadata.get("config", "{}"), "the config in the metadata")
    except ValueError as error:
        raise ValueError(f"{path}: not a file of weights ({first_line(error)})") from error
    kind = metadata.get("kind")
    if kind not in KINDS:
        raise ValueError(f"{path}: no weights of photonvs, its metadata has no kind")
    origin = provenance(path)
    if first_stage := metadata.get("first_stage_file"):
        origin += f", with the first stage {first_stage} beside it"
    return kind, origin, settings, sum(map(math.prod, shapes))


def _checkpoint(path: Path) -> tuple[str, str, Any, int]:
    """The same of a file of torch.save."""
    state = read_checkpoint(path)
    places = ((kind, plain_names(state.get(key)), names) for key, kind, names in PLACES)
    fitting = ((kind, there) for kind, there, names in places if there.keys() >= set(names))
    kind, weights = next(fitting, (None, {}))
    if kind is None:
        raise ValueError(f"{path}: a checkpoint, but without weights of photonvs")
    settings = state.get("config", {})
    if kind == "first_stage" and isinstance(settings, dict):
        settings = settings.get("first_stage", {})
    if is_ours(state):
        origin = f"epoch {state.get('epoch')}, {training_state(state, path)}"
    else:
        origin = "exported weights" if state.get("config") else "in the published layout"
    # What begins with `loss.` is the training's discriminator.
    sizes = [one.numel() for name, one in weights.items() if not name.startswith("loss.")]
    return kind, origin, settings, sum(sizes)


def _config_lines(kind: str, settings: object) -> list[str]:
    """The settings that matter; ValueError for settings that cannot be."""
    if kind == "first_stage":
        return [_first_stage_line(settings_from_dict(FirstStageConfig, settings))]
    config = settings_from_dict(ModelConfig, without_training(settings))
    lines = _denoiser_line(config.denoiser), _diffusion_line(config.diffusion)
    return [_first_stage_line(config.first_stage), *lines]


def _first_stage_line(config: FirstStageConfig) -> str:
    shape = " x ".join(map(str, config.latent_shape))
    codes = f", {config.codebook_size} codes" if config.kind == "vqgan" else ""
    size = config.image_size
    return f"first stage: {config.kind}, frames of {size} x {size}, latents {shape}{codes}"


def _denoiser_line(config: DenoiserConfig) -> str:
    return (
        f"score network: widths {config.widths}, attention at {config.attention_resolutions}, "
        f"preconditioning {config.preconditioning}"
    )


def _motion_line(motion: Motion) -> str:
    return (
        f"training pairs: {motion.step:.3g} apart and turned by {motion.turn:.3g} degrees "
        f"(medians); 95 % within {motion.step_95:.3g} and {motion.turn_95:.3g}"
    )


def _diffusion_line(config: DiffusionConfig) -> str:
    line = (
        f"noise: sigma from {config.sigma_min:g} to {config.sigma_max:g}, "
        f"levels drawn {config.noise_levels}"
    )
    if config.sigma_cond_max:
        used = config.sigma_cond or config.sigma_min
        line += f", in views up to {config.sigma_cond_max:g} (sampling: {used:g})"
    if config.trained_for == "consistency":
        line += "; tuned for consistency, so the sampler consistency fits, and no other"
    return line
