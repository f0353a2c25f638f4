"""Exported weights are the checkpoint's, in our file and in the paper's layout."""

import json
from dataclasses import asdict, replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from seeded import published
from torch.testing import assert_close

from photonvs.commands.export_weights import main
from photonvs.config import Config, DataConfig, DenoiserConfig, FirstStageConfig, TrainingConfig
from photonvs.models import build_denoiser, build_first_stage, load_denoiser, save_weights
from photonvs.models.model import open_model
from photonvs.models.places import SHIPPED_DENOISER
from photonvs.utils.checkpoint import FORMAT, read_checkpoint, save_checkpoint
from photonvs.utils.ema import ExponentialMovingAverage

SMALL = Config(
    first_stage=FirstStageConfig(kind="pixels", image_size=16),
    denoiser=DenoiserConfig(
        latent_size=8,
        latent_channels=12,
        channels=8,
        channel_multipliers=[1],
        residual_blocks=1,
        attention_resolutions=[8],
        ray_channels=[8],
    ),
)


def write_checkpoint(path, config):
    denoiser = build_denoiser(config.model)
    ema = ExponentialMovingAverage(denoiser, 0.9)
    for average in ema.shadow_params:
        average += 0.5
    optimizer = torch.optim.Adam(
        [parameter for parameter in denoiser.parameters() if parameter.requires_grad]
    )
    state = {
        "format": FORMAT,
        "config": asdict(config),
        "samples": 9,
        "epoch": 3,
        "total_iterations": 9,
    }
    state |= {
        "score_sde_model": denoiser.state_dict(),
        "ema": ema.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    save_checkpoint(path, state)
    return path


def test_only_the_model_is_exported(tmp_path):
    """Neither where the training's data lay nor how it was trained."""
    config = replace(
        SMALL,
        data=DataConfig(poses="/home/me/p.npy", first_stage="/home/me/f.safetensors", max_gap=3),
        training=TrainingConfig(initial_weights="/home/me/weights.pth", batch_size=2),
    )
    checkpoint = write_checkpoint(tmp_path / "0003-00000000.pth", config)
    main([str(tmp_path / "out.safetensors"), "--checkpoint", str(checkpoint)])
    content = (tmp_path / "out.safetensors").read_bytes()
    assert not any(word in content for word in (b"/home/me", b"max_gap", b"batch_size"))
    assert load_denoiser(tmp_path / "out.safetensors").config == SMALL.model


@pytest.mark.parametrize("weights", ["ema", "raw"])
def test_safetensors(tmp_path, weights, capsys):
    checkpoint = write_checkpoint(tmp_path / "checkpoints" / "0003-00000000.pth", SMALL)
    main(
        [str(tmp_path / "out.safetensors"), "--weights", weights, "--instance-data", str(tmp_path)]
    )
    found, expected = (
        load_denoiser(tmp_path / "out.safetensors"),
        load_denoiser(checkpoint, weights),
    )
    assert_close(dict(found.state_dict()), dict(expected.state_dict()), rtol=0, atol=0)
    assert found.config == SMALL.model
    assert str(checkpoint) in capsys.readouterr().out


def test_half_precision_halves_the_file(tmp_path):
    checkpoint = write_checkpoint(tmp_path / "0003-00000000.pth", SMALL)
    for name, options in (("full", []), ("half", ["--half"])):
        main([str(tmp_path / f"{name}.safetensors"), "--checkpoint", str(checkpoint), *options])
    full, half = (
        load_denoiser(tmp_path / f"{name}.safetensors").state_dict() for name in ("full", "half")
    )
    assert_close(
        half, {name: tensor.half().float() for name, tensor in full.items()}, rtol=0, atol=0
    )


VQGAN = FirstStageConfig(
    image_size=16, channels=32, channel_multipliers=[1, 1], residual_blocks=1, codebook_size=16
)
WITH_VQGAN = replace(SMALL, first_stage=VQGAN, denoiser=replace(SMALL.denoiser, latent_channels=4))


def opened(tmp_path, denoiser):
    """The weights of the first stage that is opened with a denoiser's file."""
    return open_model(tmp_path / "elsewhere", denoiser).first_stage.state_dict()


def test_the_first_stage_comes_along_and_is_found_by_its_name(tmp_path):
    first_stage = build_first_stage(VQGAN)
    save_weights(tmp_path / "first-stage.safetensors", first_stage)
    checkpoint = write_checkpoint(tmp_path / "0003-00000000.pth", WITH_VQGAN)
    folder = tmp_path / "exported"
    words = ["--checkpoint", checkpoint, "--half", "--instance-data", tmp_path, "--first-stage"]
    words = [str(word) for word in (folder / "denoiser.safetensors", *words)]
    main([*words, str(folder / "of-it.safetensors")])
    folder = folder.rename(tmp_path / "moved")
    half = {name: tensor.half().float() for name, tensor in first_stage.state_dict().items()}
    assert_close(opened(tmp_path, folder / "denoiser.safetensors"), half, rtol=0, atol=0)
    (folder / "of-it.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"no weights .*moved/of-it.safetensors"):
        opened(tmp_path, folder / "denoiser.safetensors")
    with pytest.raises(ValueError, match="expected a file in the folder of .*denoiser"):
        main([*words, str(tmp_path / "of-it.safetensors")])


def test_the_first_stage_of_the_training_is_named_where_it_lies_beside(tmp_path):
    save_weights(tmp_path / "mine.safetensors", build_first_stage(VQGAN))
    data = DataConfig(first_stage=str(tmp_path / "mine.safetensors"))
    checkpoint = write_checkpoint(
        tmp_path / "x" / "0003-00000000.pth", replace(WITH_VQGAN, data=data)
    )
    opened(tmp_path, checkpoint)
    main([str(tmp_path / "beside.safetensors"), "--checkpoint", str(checkpoint)])
    opened(tmp_path, tmp_path / "beside.safetensors")
    main([str(tmp_path / "x" / "apart.safetensors"), "--checkpoint", str(checkpoint)])
    with pytest.raises(FileNotFoundError, match="no first-stage weights"):
        opened(tmp_path, tmp_path / "x" / "apart.safetensors")


def test_files_of_earlier_versions_are_read(tmp_path):
    """Their config has all settings, and the first stage's place is one of them."""
    settings = asdict(replace(WITH_VQGAN, data=DataConfig(first_stage="nowhere/mine.safetensors")))
    del settings["diffusion"]["loss_weighting"]
    settings["data"]["a setting of then"] = 1
    denoiser = build_denoiser(WITH_VQGAN.model)
    path = tmp_path / "denoiser.safetensors"
    metadata = {"format": "1", "kind": "denoiser", "config": json.dumps(settings)}
    save_file(denoiser.state_dict(), path, metadata)
    found = load_denoiser(path)
    assert found.config == WITH_VQGAN.model
    assert_close(dict(found.state_dict()), dict(denoiser.state_dict()), rtol=0, atol=0)
    with pytest.raises(FileNotFoundError, match="nowhere/mine.safetensors"):
        opened(tmp_path, path)
    first_stage = build_first_stage(VQGAN)
    save_weights(tmp_path / "mine.safetensors", first_stage)
    assert_close(opened(tmp_path, path), dict(first_stage.state_dict()), rtol=0, atol=0)


def test_the_shipped_model_opens_with_its_first_stage(tmp_path):
    model = open_model(tmp_path)
    assert model.file == SHIPPED_DENOISER
    shipped = load_file(SHIPPED_DENOISER.with_name("rooms-first-stage.safetensors"))
    assert_close(
        model.first_stage.state_dict(),
        {name: tensor.float() for name, tensor in shipped.items()},
        rtol=0,
        atol=0,
    )
    assert model.denoiser.config.diffusion.weighting == "edm"


def test_the_papers_layout(tmp_path):
    checkpoint = write_checkpoint(tmp_path / "0003-00000000.pth", Config())
    main([str(tmp_path / "2000-00000000.pth"), "--checkpoint", str(checkpoint)])
    content = read_checkpoint(tmp_path / "2000-00000000.pth")
    keys = (
        "epoch",
        "total_iterations",
        "optimizer",
        "score_sde_model",
        "training_data_sampler",
        "ema",
    )
    assert set(content) == set(keys)
    names = [name for name, _, _ in published("score_sde_model")]
    assert [name.replace(".module.", ".", 1) for name in content["score_sde_model"]] == names
    assert all(".module." in name for name in content["score_sde_model"])
    shapes = [shape for _, shape, kind in published("score_sde_model") if kind == "parameter"]
    assert [list(average.shape) for average in content["ema"]["shadow_params"]] == shapes
    found, expected = load_denoiser(tmp_path / "2000-00000000.pth"), load_denoiser(checkpoint)
    assert_close(dict(found.state_dict()), dict(expected.state_dict()), rtol=0, atol=0)


def test_a_small_model_has_no_place_in_the_papers_code(tmp_path):
    checkpoint = write_checkpoint(tmp_path / "0003-00000000.pth", SMALL)
    with pytest.raises(ValueError, match="settings of first_stage are not the published ones"):
        main([str(tmp_path / "x.pth"), "--checkpoint", str(checkpoint)])
    assert not (tmp_path / "x.pth").exists()
