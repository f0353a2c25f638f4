"""Exported weights are the checkpoint's, in our file and in the paper's layout."""

from dataclasses import replace

import pytest
import torch
from seeded import published
from torch.testing import assert_close

from photonvs.commands.export_weights import main
from photonvs.config import (
    Config,
    DataConfig,
    DenoiserConfig,
    FirstStageConfig,
    TrainingConfig,
    config_to_dict,
)
from photonvs.models import (
    build_denoiser,
    build_first_stage,
    first_stage_of,
    load_denoiser,
    open_first_stage,
    save_weights,
)
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
    denoiser = build_denoiser(config)
    ema = ExponentialMovingAverage(denoiser, 0.9)
    for average in ema.shadow_params:
        average += 0.5
    optimizer = torch.optim.Adam(
        [parameter for parameter in denoiser.parameters() if parameter.requires_grad]
    )
    state = {
        "format": FORMAT,
        "config": config_to_dict(config),
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


def test_where_the_data_lay_is_left_out(tmp_path):
    config = replace(
        SMALL,
        data=DataConfig(
            poses="/home/me/poses.npy",
            videos="/home/me/videos",
            latents="/home/me/latents",
            max_gap=3,
        ),
        training=TrainingConfig(initial_weights="/home/me/weights.pth", batch_size=2),
    )
    checkpoint = write_checkpoint(tmp_path / "0003-00000000.pth", config)
    main([str(tmp_path / "out.safetensors"), "--checkpoint", str(checkpoint)])
    assert b"/home/me" not in (tmp_path / "out.safetensors").read_bytes()
    found = load_denoiser(tmp_path / "out.safetensors").config
    assert found == replace(
        SMALL, data=DataConfig(max_gap=3), training=TrainingConfig(batch_size=2)
    )


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
    assert found.config == SMALL
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


def test_the_first_stage_comes_along_and_is_found(tmp_path):
    vqgan = FirstStageConfig(
        image_size=16, channels=32, channel_multipliers=[1, 1], residual_blocks=1, codebook_size=16
    )
    config = replace(SMALL, first_stage=vqgan, denoiser=replace(SMALL.denoiser, latent_channels=4))
    first_stage = build_first_stage(vqgan)
    save_weights(tmp_path / "first-stage.safetensors", first_stage)
    checkpoint = write_checkpoint(tmp_path / "0003-00000000.pth", config)
    exported = tmp_path / "shipped" / "first-stage.safetensors"
    words = [
        str(tmp_path / "shipped" / "denoiser.safetensors"),
        "--checkpoint",
        str(checkpoint),
        "--half",
    ]
    main([*words, "--first-stage", str(exported), "--instance-data", str(tmp_path)])
    denoiser = load_denoiser(words[0])
    assert first_stage_of(denoiser.config, tmp_path / "elsewhere") == exported
    found = open_first_stage(denoiser.config, tmp_path / "elsewhere").state_dict()
    assert_close(
        found,
        {name: tensor.half().float() for name, tensor in first_stage.state_dict().items()},
        rtol=0,
        atol=0,
    )


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
