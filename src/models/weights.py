"""Reading and writing weights: published files, our training checkpoints, and safetensors files.

The same functions read all of them. A training checkpoint has the published layout (a torch.save
dict), with names that need no `module.`, and more keys, among them `format` and `config`. Without
`config` a file holds the published model. A safetensors file says what it is in its metadata:

    format               "1"
    kind                 "denoiser" or "first_stage"
    config               JSON, of a ModelConfig or a FirstStageConfig
    first_stage_file     of a denoiser: name of the file beside this one that has its first stage
    motion               of a denoiser: JSON, of the Motion of its training pairs
    crc32                of config and tensors, as `_checksum` has it; older files have none

In files of earlier versions `config` also has the settings of the training, and the first stage's
place is the setting `data.first_stage`.
"""

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from ..cameras.motion import Motion
from ..config import settings_from_dict, without_training
from ..model_config import FirstStageConfig, ModelConfig
from ..utils.checkpoint import FORMAT, is_ours, read_checkpoint
from ..utils.files import atomic_path, from_base
from ..utils.json_files import parse_json
from ..utils.safetensors_files import open_safetensors
from ..utils.words import one_line
from .building import Plan
from .denoiser import Denoiser, build_denoiser
from .first_stage import build_first_stage
from .motion import KEY as MOTION_KEY

OTHER = {
    "denoiser": "load_first_stage (a first stage)",
    "first_stage": "load_denoiser (a denoiser)",
}


def load_denoiser(
    path: str | Path, weights: str = "ema", device: str | torch.device = "cpu"
) -> Denoiser:
    """A denoiser in eval mode, from a published .pth, a training checkpoint or a .safetensors file.

    weights: "ema" (moving average; what sampling uses) or "raw" (as the optimizer left them). A
    safetensors file has one set of weights, and this is not looked at. Raises FileNotFoundError, or
    ValueError (one line: the file, what is wrong).
    """
    path = Path(path)
    if weights not in ("ema", "raw"):
        raise ValueError(f"weights {weights!r}: expected ema or raw")
    if path.suffix == ".safetensors":
        state, metadata = _read_safetensors(path, "denoiser")
        config = _model_config(path, _config_in(metadata, path))
        return Plan(build_denoiser, config, state, path).fill(state, device)
    checkpoint = read_checkpoint(path, check_tensors=True)
    if "score_sde_model" not in checkpoint:
        raise ValueError(f"{path}: {_describe(checkpoint, 'denoiser')}")
    if "format" in checkpoint and not is_ours(checkpoint):
        raise ValueError(
            f"{path}: checkpoint format {checkpoint['format']!r}; "
            f"this version reads format {FORMAT}"
        )
    config = _model_config(path, checkpoint.get("config", {}))
    state = _tensors(checkpoint["score_sde_model"], path)
    plan = Plan(build_denoiser, config, state, path)
    if weights == "ema":
        state |= _tensors(_ema_state(plan, checkpoint.get("ema"), path), path)
    return plan.fill(state, device)


def load_first_stage(path: str | Path, device: str | torch.device = "cpu") -> nn.Module:
    """A first stage in eval mode, from a published .ckpt or a .safetensors file.

    It is float32, whatever the file has. A .ckpt without settings holds the published VQGAN. Raises
    FileNotFoundError, or ValueError (one line).
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        state, metadata = _read_safetensors(path, "first_stage")
        settings = _config_in(metadata, path)
    else:
        checkpoint = read_checkpoint(path, check_tensors=True)
        if "state_dict" not in checkpoint:
            raise ValueError(f"{path}: {_describe(checkpoint, 'first_stage')}")
        state = _tensors(checkpoint["state_dict"], path)
        # What begins with `loss.` is the training's discriminator.
        state = {name: item for name, item in state.items() if not name.startswith("loss.")}
        settings = _settings_of(checkpoint)
    with _naming(path):
        config = settings_from_dict(FirstStageConfig, settings)
    return Plan(build_first_stage, config, state, path).fill(state, device)


def first_stage_settings(path: Path) -> FirstStageConfig:
    """The settings in a file of first-stage weights, which are not read; raises as above."""
    if path.suffix == ".safetensors":
        with _opened(path, "first_stage") as file:
            settings = _config_in(file.metadata(), path)
    else:
        settings = _settings_of(read_checkpoint(path))
    with _naming(path):
        return settings_from_dict(FirstStageConfig, settings)


def named_first_stage(path: Path) -> Path | None:
    """The file of the first stage that goes with a denoiser, if the denoiser's file names one.

    Training checkpoints and files of earlier versions have a path, which starts at the repository.
    But a file of that name beside the denoiser's comes first.
    """
    if path.suffix == ".safetensors":
        with _opened(path, "denoiser") as file:
            metadata = file.metadata()
        if name := metadata.get("first_stage_file"):
            return path.parent / Path(name).name
        settings = _config_in(metadata, path)
    else:
        settings = read_checkpoint(path).get("config", {})
    match settings:
        case {"data": {"first_stage": str(named)}} if named:
            beside = path.parent / Path(named).name
            return beside if beside.is_file() else from_base(named)
    return None


def save_weights(
    path: str | Path,
    module: nn.Module,
    dtype: torch.dtype | None = None,
    first_stage_file: str | None = None,
    motion: Motion | None = None,
) -> None:
    """Write a denoiser's or a first stage's weights and settings, whole or not at all.

    path: ends in .safetensors. dtype: of the floating tensors in the file, for example
    torch.float16 for half the size; None: as they are. first_stage_file: of a denoiser, the name
    of the file beside it that holds its first stage. motion: of a denoiser, that of its training
    pairs.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(
            f"{path}: weights are written as .safetensors files; give a name that ends so"
        )
    kind = "denoiser" if isinstance(module, Denoiser) else "first_stage"
    metadata = {"format": str(FORMAT), "kind": kind, "config": json.dumps(asdict(module.config))}
    if first_stage_file:
        metadata["first_stage_file"] = first_stage_file
    if motion:
        metadata[MOTION_KEY] = json.dumps(asdict(motion))
    tensors = {
        name: tensor.detach().to("cpu", dtype).contiguous()
        for name, tensor in module.state_dict().items()
    }
    metadata["crc32"] = _checksum(tensors, metadata)
    with atomic_path(path) as temporary:
        # save_file would keep it from other users of the machine.
        temporary.write_bytes(save(tensors, metadata))


def _settings_of(checkpoint: dict[str, Any]) -> object:
    """The first stage's settings in its .ckpt; none stand for the published ones."""
    settings = checkpoint.get("config", {})
    return settings.get("first_stage", {}) if isinstance(settings, dict) else settings


def _describe(checkpoint: dict[str, Any], wanted: str) -> str:
    """What is wrong with a checkpoint that doesn't hold the wanted network."""
    if "score_sde_model" in checkpoint or "state_dict" in checkpoint:
        return f"no {wanted.replace('_', ' ')}; give it to {OTHER[wanted]}"
    keys = ", ".join(sorted(str(key) for key in checkpoint if isinstance(key, str))[:5])
    expected = "score_sde_model" if wanted == "denoiser" else "state_dict"
    return f"expected a checkpoint with {expected}, found the keys {keys or '(none)'}"


def _checksum(tensors: dict[str, Tensor], metadata: dict[str, str]) -> str:
    """CRC-32 of the config's text, and of all names and the bytes after them, by name."""
    total = zlib.crc32(metadata.get("config", "").encode())
    for name in sorted(tensors):
        content = tensors[name].contiguous().reshape(-1).view(torch.uint8)
        total = zlib.crc32(content.numpy(), zlib.crc32(name.encode(), total))
    return f"{total:08x}"


def _model_config(path: Path, settings: object) -> ModelConfig:
    with _naming(path):
        return settings_from_dict(ModelConfig, without_training(settings))


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put the file's name in front of what is wrong with the settings in it, on one line."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{path}: {one_line(error)}") from error


def plain_names(state: object) -> dict[str, Tensor]:
    """The tensors of a state dict, whose names may be wrapped; none of what is no dict.

    DistributedDataParallel and torch.compile insert parts into names, which are taken out.
    """
    wrappers = "module", "_orig_mod"
    return {
        ".".join(part for part in str(name).split(".") if part not in wrappers): item
        for name, item in (state.items() if isinstance(state, dict) else ())
        if isinstance(item, Tensor)
    }


def _tensors(state: object, path: Path) -> dict[str, Tensor]:
    """A state dict by plain names; ValueError for anything else."""
    if not isinstance(state, dict) or not all(isinstance(item, Tensor) for item in state.values()):
        raise ValueError(
            f"{path}: expected names and tensors, found something else among the weights"
        )
    return plain_names(state)


def _ema_state(plan: Plan, ema: object, path: Path) -> dict[str, object]:
    """The moving averages by name; a file lists them in the order of the trained parameters."""
    averages = ema.get("shadow_params") if isinstance(ema, dict) else None
    if not isinstance(averages, list) or not averages:
        raise ValueError(
            f'{path}: no EMA weights; load with weights="raw" to use the weights as the optimizer '
            "left them"
        )
    names = plan.trained()
    if len(averages) != len(names):
        raise ValueError(
            f"{path}: {len(averages)} EMA weights (shadow_params), the model in its config has "
            f"{len(names)}"
        )
    return dict(zip(names, averages, strict=True))


def _read_safetensors(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a file written by `save_weights`."""
    with _opened(path, kind) as file:
        names, metadata = file.keys(), file.metadata()
        tensors = {name: file.get_tensor(name) for name in names}
    if "crc32" in metadata and metadata["crc32"] != _checksum(tensors, metadata):
        raise ValueError(
            f"{path}: damaged: its weights do not have their checksum; fetch or copy it again"
        )
    return tensors, metadata


@contextmanager
def _opened(path: Path, kind: str) -> Iterator[Any]:
    """A file of this kind written by `save_weights`; raises FileNotFoundError or ValueError."""
    with open_safetensors(path) as file:
        metadata = file.metadata() or {}
        if metadata.get("format") != str(FORMAT):
            raise ValueError(
                f"{path}: metadata format {metadata.get('format')!r}; "
                f"expected {str(FORMAT)!r}, as save_weights writes"
            )
        if metadata.get("kind") != kind:
            other = OTHER[kind] if metadata.get("kind") in OTHER else "(unknown)"
            raise ValueError(
                f"{path}: no {kind.replace('_', ' ')}, but {metadata.get('kind')!r}; "
                f"give it to {other}"
            )
        yield file


def _config_in(metadata: dict[str, str], path: Path) -> Any:
    """The settings in a file's metadata, as plain values."""
    return parse_json(metadata.get("config", ""), f"{path}: the config in the metadata")
