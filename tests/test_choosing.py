"""Which first stage goes with settings, and settings that go with a first stage."""

import logging
from dataclasses import replace

import pytest
import torch

from photonvs.commands import train
from photonvs.config import DataConfig, chosen_settings, load_config
from photonvs.model_config import FirstStageConfig
from photonvs.models import build_first_stage, open_first_stage, save_weights
from photonvs.models.choosing import choose_first_stage, follow_first_stage, training_line
from photonvs.models.places import SHIPPED_FIRST_STAGE
from photonvs.training.needs import check_needs

SMALL = load_config("first-stage-small").first_stage


@pytest.fixture
def own(tmp_path):
    """A folder of instance data with a first stage of the preset first-stage-small."""
    torch.manual_seed(0)
    save_weights(tmp_path / "first-stage.safetensors", build_first_stage(SMALL))
    return tmp_path


def followed(instance_data, preset: str, *settings: str):
    chosen = chosen_settings(preset, list(settings))
    return follow_first_stage(load_config(preset, list(settings)), chosen, instance_data)


def test_the_shipped_first_stage_is_found_where_its_settings_fit(own, tmp_path):
    rooms = load_config("rooms").first_stage
    assert choose_first_stage(rooms, tmp_path / "empty") == SHIPPED_FIRST_STAGE
    assert choose_first_stage(rooms, own) == SHIPPED_FIRST_STAGE
    assert open_first_stage(rooms, None, tmp_path / "empty").config == rooms
    with pytest.raises(FileNotFoundError, match="no first-stage weights"):
        choose_first_stage(FirstStageConfig(), tmp_path / "empty")


def test_settings_follow_the_first_stage_that_is_found(own):
    config = followed(own, "small", "first_stage.kind=vqgan")
    assert config.first_stage == SMALL
    assert (config.denoiser.latent_channels, config.denoiser.latent_size) == (4, 16)
    assert config.model.latent_shape == (4, 16, 16)


def test_what_the_user_set_stays_and_the_error_names_only_what_differs(own, tmp_path):
    config = followed(own, "small", "first_stage.kind=vqgan", "first_stage.codebook_size=99")
    assert config.first_stage == replace(SMALL, codebook_size=99)
    with pytest.raises(ValueError) as raised:
        open_first_stage(config.first_stage, None, own)
    assert str(raised.value) == (
        f"first stage {own / 'first-stage.safetensors'}: first_stage.codebook_size is 1024 in the "
        "file and 99 in the settings; use weights and settings of one model"
    )
    file = tmp_path / "mine.yaml"
    file.write_text("first_stage: {image_size: 128}\ntraining: {steps: 5}\n")
    keys = {"first_stage.image_size", "training.steps", "data.workers"}
    assert chosen_settings(str(file), ["data.workers=2"]) == keys
    assert followed(own, str(file)).first_stage.image_size == 128


def test_pixels_and_absent_weights_change_nothing(own, tmp_path):
    assert followed(own, "small") == load_config("small")
    assert followed(tmp_path / "empty", "realestate10k") == load_config("realestate10k")


def test_a_denoiser_that_cannot_take_the_latents_is_said(own):
    with pytest.raises(ValueError, match=r"first-stage.safetensors: denoiser.attention_res"):
        followed(own, "realestate10k")


def test_the_next_command_fits_the_first_stage(own):
    file = own / "first-stage.safetensors"
    named = f"data.first_stage={file}"
    line = training_line(SMALL, file, DataConfig())
    assert line == f"photonvs train --config small first_stage.kind=vqgan {named}"
    preset, *settings = line.split()[3:]
    assert followed(own, preset, *settings).model.first_stage == SMALL
    line = training_line(FirstStageConfig(), file, DataConfig())
    assert line == f"photonvs train --config realestate10k {named}"


def test_the_next_command_trains_on_the_first_stage_and_data_at_hand(tmp_path):
    """Not on the shipped first stage, which the preset has."""
    varied = load_config("first-stage-varied")
    file = tmp_path / "first-stage.safetensors"
    save_weights(file, build_first_stage(varied.first_stage))
    line = training_line(varied.first_stage, file, varied.data)
    preset, *settings = line.split()[3:]
    config = followed(tmp_path, preset, *settings)
    assert config.first_stage == varied.first_stage
    assert config.data.chunks == varied.data.chunks
    assert config.data.latents is None


def test_the_papers_preset_says_at_once_all_that_it_needs(tmp_path, caplog):
    data = f"data.poses={tmp_path}/poses.npy", f"data.videos={tmp_path}/videos"
    caplog.set_level(logging.INFO)
    with pytest.raises(FileNotFoundError) as raised:
        train.main(["--instance-data", str(tmp_path), "--device", "cpu", *data])
    said = str(raised.value)
    assert "\n" not in said and not caplog.records
    for part in ("taming-32-4-realestate-256.ckpt", "videos", "poses.npy", "extract-poses"):
        assert part in said
    assert "--config small" in said


@pytest.mark.parametrize(
    ("setting", "said"), [("latents", "encode-latents"), ("chunks", "no chunks in")]
)
def test_absent_data_of_each_kind_is_said(tmp_path, setting, said):
    config = load_config("small", [f"data.{setting}={tmp_path}/none"])
    with pytest.raises(FileNotFoundError, match=said):
        check_needs(config, tmp_path)
