"""Settings: presets, files, overrides, and mistakes in them."""

from dataclasses import asdict

import pytest

from photonvs.config import (
    PRESETS,
    Config,
    DenoiserConfig,
    ModelConfig,
    load_config,
    settings_from_dict,
)


@pytest.mark.parametrize("preset", sorted(path.stem for path in PRESETS.glob("*.yaml")))
def test_presets_load(preset):
    config = load_config(preset)
    if not preset.startswith("first-stage-"):
        assert config.model.denoiser == config.denoiser


def test_overrides_come_last_and_are_typed(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "training:\n  batch_size: 8\n  seed: 3\nfirst_stage:\n  channel_multipliers: [1, 2]\n"
    )
    config = load_config(str(file), ["training.batch_size=2", "training.minutes=0.5"])
    assert (config.training.batch_size, config.training.seed, config.training.minutes) == (
        2,
        3,
        0.5,
    )
    assert config.first_stage.channel_multipliers == [1, 2]


def test_round_trip_through_plain_values():
    config = load_config("realestate10k", ["denoiser.head_channels=32"])
    assert settings_from_dict(Config, asdict(config)) == config


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


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("diffusion.noise_levels=cosine", "'cosine': expected one of uniform, lognormal"),
        ("diffusion.loss_weighting=edn", "'edn': expected one of published, edm"),
        ("diffusion.sigma_max=0", "0.0: expected 1e-06 to 1e+06"),
        ("diffusion.sigma_max=1e300", "1e+300: expected 1e-06 to 1e+06"),
        ("diffusion.log_sigma_mean=nan", "nan: expected -20 to 20"),
        ("diffusion.log_sigma_std=0", "0.0: expected a number above 0"),
        ("denoiser.preconditioning=vp", "'vp': expected one of published, edm"),
        ("first_stage.kind=vae", "'vae': expected one of vqgan, pixels"),
        ("data.workers=-1", "-1: expected 0 to 1024"),
        ("data.workers=100000", "100000: expected 0 to 1024"),
        ("data.max_gap=0", "0: expected at least 1"),
        ("data.validation_frames=1", "1: expected at least 2"),
        ("training.precision=float16", "'float16': expected one of float32, bfloat16"),
        ("training.gradient_norm=0", "0.0: expected a number above 0"),
        ("training.learning_rate=1e38", "1e+38: expected 0 to 1"),
        ("training.learning_rate=nan", "nan: expected 0 to 1"),
        ("training.learning_rate=-1e-4", "-0.0001: expected 0 to 1"),
        ("training.minutes=-1", "-1.0: expected a number above 0"),
        ("training.checkpoint_minutes=nan", "nan: expected a number above 0"),
        ("training.seed=99999999999999999999", "99999999999999999999: expected 0 to 9.22337e+18"),
        ("training.steps=0", "0: expected at least 1"),
        ("training.ema_decay=1", "1.0: expected at least 0 and less than 1"),
        ("first_stage_training.perceptual=vgg", "'vgg': expected one of lpips, stlpips, none"),
        ("first_stage_training.learning_rate_per_image=1e38", "1e+38: expected 0 to 1"),
        ("first_stage_training.codebook_weight=inf", "inf: expected 0 to 1e+06"),
        ("first_stage_training.discriminator_layers=0", "0: expected at least 1"),
    ],
)
def test_values_that_cannot_be_are_refused_in_one_line(override, message):
    with pytest.raises(ValueError) as raised:
        load_config("realestate10k", [override])
    key = override.split("=")[0]
    assert str(raised.value).startswith(f"settings {PRESETS / 'realestate10k.yaml'} {override}: ")
    assert str(raised.value).endswith(f"{key} {message}")


def test_noise_levels_the_wrong_way_round_are_refused():
    with pytest.raises(ValueError, match=r"sigma_max 0\.1: expected sigma_min below sigma_max"):
        load_config("realestate10k", ["diffusion.sigma_min=0.2", "diffusion.sigma_max=0.1"])


def test_mistaken_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="presets .*realestate10k"):
        load_config("no-such-preset")
    broken = tmp_path / "broken.yaml"
    broken.write_text("training: [unclosed\n")
    with pytest.raises(ValueError, match="broken.yaml"):
        load_config(str(broken))


def test_settings_of_a_newer_version_are_refused():
    settings = asdict(Config())
    settings["denoiser"]["unheard_of"] = 1
    with pytest.raises(ValueError, match="unheard_of"):
        settings_from_dict(Config, settings)


def test_a_model_whose_sections_do_not_fit_each_other():
    """Only a model is refused: a first stage is trained whatever the denoiser's settings say."""
    config = load_config("first-stage-small")
    with pytest.raises(ValueError, match="latent_size 32: expected 4 and 16, as first_stage makes"):
        _ = config.model
    assert ModelConfig(
        config.first_stage, DenoiserConfig(latent_size=16, attention_resolutions=[16])
    )
