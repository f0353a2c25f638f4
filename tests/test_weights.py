"""Weights come back as they were, from the published files and ours.

Files that don't fit are explained.
"""

import json
import pickle
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from seeded import seeded_weight

from photonvs.config import DenoiserConfig, FirstStageConfig, ModelConfig
from photonvs.models import (
    build_denoiser,
    build_first_stage,
    load_denoiser,
    load_first_stage,
    save_weights,
)

CONFIG = ModelConfig(
    first_stage=FirstStageConfig(kind="pixels", image_size=16, pixel_block=2),
    denoiser=DenoiserConfig(
        latent_size=8,
        latent_channels=12,
        channels=8,
        channel_multipliers=[1, 2],
        attention_resolutions=[4],
        attention_heads=1,
        ray_channels=[4, 8],
        residual_blocks=1,
    ),
)
VQGAN = FirstStageConfig(
    image_size=32,
    channels=32,
    channel_multipliers=[1, 1],
    residual_blocks=1,
    latent_channels=3,
    codebook_size=20,
)


def training_checkpoint(**changes) -> dict:
    """A small checkpoint as training writes it, the EMA one above the raw weights."""
    denoiser = build_denoiser(CONFIG)
    trained = [parameter.detach() for parameter in denoiser.parameters() if parameter.requires_grad]
    checkpoint = {
        "format": 1,
        "config": asdict(CONFIG),
        "epoch": 1,
        "total_iterations": 10,
        "optimizer": torch.optim.Adam(denoiser.parameters()).state_dict(),
        "score_sde_model": denoiser.state_dict(),
        "training_data_sampler": {"index": 0, "epoch": 1},
        "ema": {
            "decay": 0.999,
            "num_updates": 10,
            "shadow_params": [tensor + 1 for tensor in trained],
        },
    }
    return {key: value for key, value in (checkpoint | changes).items() if value is not None}


def saved(path: Path, content: object, **options) -> Path:
    torch.save(content, path, **options)
    return path


def assert_same_state(found: dict, expected: dict) -> None:
    assert list(found) == list(expected)
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, expected[name], rtol=0, atol=0)


# Files as published


def test_published_file_gives_the_moving_average(published_pth):
    denoiser = load_denoiser(published_pth)
    assert denoiser.config == ModelConfig()
    assert not denoiser.training
    for name in (
        "score_model.input_conv.weight",
        "ray_downsampler.1.Conv_2.bias",
        "score_model.temb_modules.0.W",
    ):
        tensor = denoiser.state_dict()[name]
        torch.testing.assert_close(tensor, seeded_weight(name, list(tensor.shape)), rtol=0, atol=0)


def test_published_file_gives_the_raw_weights(published_pth):
    denoiser = load_denoiser(published_pth, weights="raw")
    assert denoiser.score_model.input_conv.weight.unique().tolist() == pytest.approx([0.01])


def test_pytorch_alone_refuses_the_published_first_stage(published_ckpt):
    assert "absent_lightning" not in sys.modules
    with pytest.raises(pickle.UnpicklingError):
        torch.load(published_ckpt, weights_only=True)


def test_published_first_stage(published_ckpt):
    stage = load_first_stage(published_ckpt)
    assert stage.config == FirstStageConfig()
    assert not stage.training
    name = "quantize.embedding.weight"
    torch.testing.assert_close(
        stage.state_dict()[name], seeded_weight(name, [16384, 4]), rtol=0, atol=0
    )


def test_a_first_stage_is_no_denoiser_and_the_reverse(published_ckpt, tmp_path):
    with pytest.raises(
        ValueError, match=r"realestate-256.ckpt: no denoiser; give it to load_first_stage"
    ):
        load_denoiser(published_ckpt)
    with pytest.raises(ValueError, match=r"x.pth: no first stage; give it to load_denoiser"):
        load_first_stage(saved(tmp_path / "x.pth", training_checkpoint()))


# Our own files


@pytest.mark.parametrize("weights", ["ema", "raw"])
def test_training_checkpoint(tmp_path, weights):
    content = training_checkpoint()
    denoiser = load_denoiser(saved(tmp_path / "x.pth", content), weights)
    assert denoiser.config == CONFIG
    raw, step = content["score_sde_model"], 1 if weights == "ema" else 0
    frozen = {"score_model.sigmas", "score_model.temb_modules.0.W"}
    assert_same_state(
        denoiser.state_dict(), {name: raw[name] + (0 if name in frozen else step) for name in raw}
    )


def test_names_inserted_by_wrappers_are_taken_out(tmp_path):
    content = training_checkpoint()
    wrapped = {
        name.replace("model.", "model.module._orig_mod.", 1): item
        for name, item in content["score_sde_model"].items()
    }
    assert any("module._orig_mod" in name for name in wrapped)
    found = load_denoiser(saved(tmp_path / "x.pth", content | {"score_sde_model": wrapped}), "raw")
    assert_same_state(found.state_dict(), content["score_sde_model"])


def test_safetensors_of_a_denoiser(tmp_path):
    denoiser = build_denoiser(CONFIG)
    save_weights(tmp_path / "x.safetensors", denoiser)
    found = load_denoiser(tmp_path / "x.safetensors")
    assert found.config == CONFIG
    assert not found.training
    assert_same_state(found.state_dict(), denoiser.state_dict())
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]


@pytest.mark.parametrize("config", [VQGAN, CONFIG.first_stage])
def test_safetensors_of_a_first_stage(tmp_path, config):
    stage = build_first_stage(config)
    save_weights(tmp_path / "x.safetensors", stage)
    found = load_first_stage(tmp_path / "x.safetensors")
    assert found.config == config
    assert_same_state(found.state_dict(), stage.state_dict())


def test_half_precision_on_disk_becomes_float32(tmp_path):
    stage = build_first_stage(VQGAN)
    save_weights(tmp_path / "half.safetensors", stage, torch.float16)
    save_weights(tmp_path / "full.safetensors", stage)
    assert (tmp_path / "half.safetensors").stat().st_size < 0.6 * (
        tmp_path / "full.safetensors"
    ).stat().st_size
    found = load_first_stage(tmp_path / "half.safetensors").state_dict()
    assert_same_state(
        found, {name: tensor.half().float() for name, tensor in stage.state_dict().items()}
    )


# Files that don't fit


def refused(load, path: Path, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def without(state: dict, name: str) -> dict:
    return {key: value for key, value in state.items() if key != name}


NAME = "score_model.input_conv.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["score_sde_model"].pop(NAME), f"1 missing weights, the first {NAME}"),
        (
            lambda c: c["score_sde_model"].update(extra=torch.zeros(1)),
            "1 unexpected weights, the first extra",
        ),
        (
            lambda c: c["score_sde_model"].update({NAME: torch.zeros(8, 4, 3, 3)}),
            rf"weight {NAME} has shape \[8, 4, 3, 3\], expected \[8, 12, 3, 3\]",
        ),
        (lambda c: c["score_sde_model"].update({NAME: 5}), "expected names and tensors"),
        (lambda c: c.update(score_sde_model=[1]), "expected names and tensors"),
        (lambda c: c.update(format=2), "checkpoint format 2; this version reads format 1"),
        (lambda c: c["config"]["denoiser"].update(speed=1), "speed"),
        (
            lambda c: c["config"]["denoiser"].update(latent_size=7),
            "latent_size 7: expected a multiple of 2",
        ),
        (lambda c: c.update(config="small"), "settings: expected a dict, found str"),
        (
            lambda c: c.pop("score_sde_model"),
            "expected a checkpoint with score_sde_model, found the keys config, ema, epoch",
        ),
    ],
)
def test_checkpoints_that_do_not_fit(tmp_path, change, message):
    content = training_checkpoint()
    change(content)
    refused(lambda path: load_denoiser(path, "raw"), saved(tmp_path / "x.pth", content), message)


@pytest.mark.parametrize(
    "ema", [None, {}, {"shadow_params": []}, {"shadow_params": torch.zeros(3)}]
)
def test_a_file_without_moving_averages(tmp_path, ema):
    path = saved(tmp_path / "x.pth", training_checkpoint(ema=ema))
    refused(load_denoiser, path, 'no EMA weights; load with weights="raw"')
    load_denoiser(path, weights="raw")


def test_moving_averages_that_do_not_fit(tmp_path):
    content = training_checkpoint()
    count = len(content["ema"]["shadow_params"])
    first = content["ema"]["shadow_params"].pop(0)
    path = saved(tmp_path / "x.pth", content)
    refused(
        load_denoiser,
        path,
        rf"{count - 1} EMA weights \(shadow_params\), the model in its config has {count}",
    )
    content["ema"]["shadow_params"].insert(0, first[:-1])
    refused(
        load_denoiser, saved(path, content), "weight score_model.temb_modules.1.weight has shape"
    )


def test_a_published_file_of_another_size(tmp_path):
    content = training_checkpoint(config=None, format=None)
    refused(load_denoiser, saved(tmp_path / "x.pth", content), r"\d+ (missing|EMA) weights")


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
def test_missing_and_damaged_files(tmp_path, name):
    path = tmp_path / name
    for load in (load_denoiser, load_first_stage):
        with pytest.raises(FileNotFoundError, match=name):
            load(path)
    if name == "x.pth":
        saved(path, training_checkpoint())
    else:
        save_weights(path, build_denoiser(CONFIG))
    whole = path.read_bytes()
    for damaged in (
        whole[: len(whole) // 2],
        whole[:3],
        b"",
        b"<html>Too many downloads</html>",
        bytes(range(256)),
    ):
        path.write_bytes(damaged)
        refused(load_denoiser, path, "not a (checkpoint|safetensors file), or a damaged one")
        refused(load_first_stage, path, "not a (checkpoint|safetensors file), or a damaged one")


def test_other_content(tmp_path):
    refused(
        load_denoiser,
        saved(tmp_path / "x.pth", [1, 2]),
        r"expected a checkpoint \(a dict\), found list",
    )
    refused(
        load_first_stage,
        saved(tmp_path / "x.pth", {1: 2}),
        r"with state_dict, found the keys \(none\)",
    )
    with pytest.raises(ValueError, match="weights 'best': expected ema or raw"):
        load_denoiser(tmp_path / "x.pth", weights="best")
    with pytest.raises(ValueError, match="give a name that ends so"):
        save_weights(tmp_path / "x.pth", build_first_stage(VQGAN))


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "metadata format None; expected '1'"),
        ({"format": "2", "kind": "denoiser"}, "metadata format '2'"),
        (
            {"format": "1", "kind": "first_stage"},
            r"no denoiser, but 'first_stage'; give it to load_first_stage",
        ),
        ({"format": "1", "kind": "denoiser"}, "the config in the metadata: not JSON"),
        ({"format": "1", "kind": "denoiser", "config": "[]"}, "settings: expected a dict"),
        (
            {"format": "1", "kind": "denoiser", "config": json.dumps(asdict(CONFIG))},
            "missing weights",
        ),
    ],
)
def test_safetensors_that_do_not_fit(tmp_path, metadata, message):
    save_file({"x": torch.zeros(2)}, tmp_path / "x.safetensors", metadata)
    refused(load_denoiser, tmp_path / "x.safetensors", message)
