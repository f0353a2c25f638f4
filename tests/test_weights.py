"""Weights come back as they were, from the published files and ours.

Files that don't fit are explained.
"""

import pickle
import sys

import pytest
import torch
from seeded import seeded_weight
from small_weights import CONFIG, VQGAN, saved, training_checkpoint

from photonvs.config import FirstStageConfig, ModelConfig
from photonvs.models import (
    build_denoiser,
    build_first_stage,
    load_denoiser,
    load_first_stage,
    save_weights,
)


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
