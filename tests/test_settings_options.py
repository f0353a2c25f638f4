"""Options around key=value, and where the relative paths of settings lead."""

import pytest

from photonvs.commands import encode_latents, train, train_first_stage
from photonvs.commands.options import load_settings
from photonvs.utils.files import BASE

COMMANDS = [train, train_first_stage, encode_latents]


@pytest.mark.parametrize("command", COMMANDS)
def test_options_and_settings_come_in_any_order(command):
    words = [
        "training.seed=3",
        "--config",
        "demo",
        "data.workers=0",
        "--device",
        "cpu",
        "data.max_gap=2",
    ]
    options = command.parse(words)
    assert options.settings == ["training.seed=3", "data.workers=0", "data.max_gap=2"]
    assert (options.config, options.device) == ("demo", "cpu")
    config = load_settings(options)
    assert (config.training.seed, config.data.workers, config.data.max_gap) == (3, 0, 2)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("unknown", [["--steps", "4"], ["--training.steps=4"]])
def test_an_unknown_option_ends_in_one_line(command, unknown, capsys):
    with pytest.raises(SystemExit) as ended:
        command.parse(["training.seed=3", *unknown, "--config", "demo"])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"error: {unknown[0]}: no such option" in line


def test_a_setting_s_path_outside_the_base_is_said(capsys):
    words = ["--config", "demo", "data.videos=../films", "data.poses=/elsewhere/poses.npy"]
    load_settings(train.parse(words))
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"../films: paths in settings start at {BASE}, so this is {BASE.parent / 'films'}"
    )


def test_the_folder_of_latents_follows_the_rule_of_settings(capsys):
    load_settings(encode_latents.parse(["--config", "demo", "--latents", "../latents"]))
    assert f"so this is {BASE.parent / 'latents'}" in capsys.readouterr().err
    load_settings(encode_latents.parse(["--config", "demo", "--latents", "a/../latents"]))
    assert capsys.readouterr().err == ""
