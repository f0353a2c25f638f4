"""Settings: presets, files, overrides, and mistakes in them."""

import pytest

from photonvs.config import PRESETS, Config, config_from_dict, config_to_dict, load_config


@pytest.mark.parametrize("preset", sorted(path.stem for path in PRESETS.glob("*.yaml")))
def test_presets_load(preset):
    assert isinstance(load_config(preset), Config)


def test_overrides_come_last_and_are_typed(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "training:\n  batch_size: 8\n  seed: 3\ndenoiser:\n  channel_multipliers: [1, 2]\n"
    )
    config = load_config(str(file), ["training.batch_size=2", "training.minutes=0.5"])
    assert (config.training.batch_size, config.training.seed, config.training.minutes) == (
        2,
        3,
        0.5,
    )
    assert config.denoiser.channel_multipliers == [1, 2]


def test_round_trip_through_plain_values():
    config = load_config("realestate10k", ["denoiser.head_channels=32"])
    assert config_from_dict(config_to_dict(config)) == config


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.batchsize=8", "batchsize"),
        ("training.batch_size=many", "many"),
        ("optimiser.rate=1", "optimiser"),
        ("batch_size", "expected key=value"),
    ],
)
def test_mistaken_overrides_are_named(override, message):
    with pytest.raises(ValueError, match=message):
        load_config("realestate10k", [override])


def test_mistaken_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="presets .*realestate10k"):
        load_config("no-such-preset")
    broken = tmp_path / "broken.yaml"
    broken.write_text("training: [unclosed\n")
    with pytest.raises(ValueError, match="broken.yaml"):
        load_config(str(broken))


def test_settings_of_a_newer_version_are_refused():
    settings = config_to_dict(Config())
    settings["denoiser"]["unheard_of"] = 1
    with pytest.raises(ValueError, match="unheard_of"):
        config_from_dict(settings)
