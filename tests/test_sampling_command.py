"""scripts/sample-trajectory.py as users run it, killed and started again too."""

import os
import subprocess
import sys
import time

import pytest
import torch
from repository import SCRIPTS
from sampling_task import CONFIG, write_task

from photonvs.commands import run_main
from photonvs.commands.sample_trajectory import main
from photonvs.models import build_denoiser, places, save_weights

COMMAND = [sys.executable, str(SCRIPTS / "sample-trajectory.py")]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file with the weights of a tiny score network whose first stage needs no file."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_weights(path, build_denoiser(CONFIG).eval())
    return path


def arguments(tmp_path, *names, **options):
    words = [
        word
        for name, value in options.items()
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]
    return [
        "-o",
        *(f"samples/{name}" for name in names),
        "--instance-data",
        str(tmp_path),
        "--device",
        "cpu",
        *words,
    ]


def environment():
    """As many threads as here: sums over other shares of the numbers round otherwise."""
    return os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path, weights):
    settings = {"checkpoint": weights, "sampler": "ancestral", "steps": 40}
    killed, whole = (write_task(tmp_path / "samples" / name) for name in ("killed", "whole"))
    latents = killed / "samples/00000000/latents"
    with subprocess.Popen(
        [*COMMAND, *arguments(tmp_path, "killed", **settings)], env=environment(), cwd=tmp_path
    ) as process:
        end = time.monotonic() + 60
        while (
            not (latents / "0002.npy").exists()
            and process.poll() is None
            and time.monotonic() < end
        ):
            time.sleep(0.01)
        process.kill()
    assert (latents / "0002.npy").exists() and not (latents / "0004.npy").exists()
    kept = (latents / "0002.npy").stat().st_mtime_ns
    main(arguments(tmp_path, "killed", "whole", batch_size=1, **settings))
    assert (latents / "0002.npy").stat().st_mtime_ns == kept
    for path in whole.rglob("samples/00000000/**/[!.]*"):
        if path.is_file():
            assert path.read_bytes() == (killed / path.relative_to(whole)).read_bytes(), path


def test_report(tmp_path, weights, capsys):
    write_task(tmp_path / "samples/a", (None, (0,)))
    words = arguments(tmp_path, "a", checkpoint=weights, steps=2, runs=2)
    main(words)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"weights: {weights}, exported weights"
    made = f"{tmp_path / 'samples/a/samples/00000001'}: 2 of 2 frames made now"
    assert len(lines) == 3 and lines[2].startswith(made)
    main(words)
    assert "complete already, nothing to do" in capsys.readouterr().out
    main([*words[:-2], "--run", "5"])
    assert "00000005: 2 of 2 frames made now" in capsys.readouterr().out


def test_mistakes_are_told_in_one_line(tmp_path, weights, monkeypatch):
    monkeypatch.setattr(places, "SHIPPED_DENOISER", tmp_path / "none shipped")
    write_task(tmp_path / "samples/a", (None, (0,)))
    with pytest.raises(
        SystemExit, match=r"error: no weights 2000-00000000\.pth in .*checkpoints"
    ) as ended:
        run_main(lambda: main(arguments(tmp_path, "a")))
    assert len(ended.value.code.splitlines()) == 1
    with pytest.raises(
        FileNotFoundError, match=r"b.sampling-spec\.json"
    ):  # before the weights are missed
        main(arguments(tmp_path, "a", "b"))
    with pytest.raises(FileNotFoundError, match=r"none\.pth"):
        main(arguments(tmp_path, "a", checkpoint=tmp_path / "none.pth"))
    with pytest.raises(ValueError, match="device 'abacus' cannot be used"):
        main([*arguments(tmp_path, "a", checkpoint=weights), "--device", "abacus"])
    with pytest.raises(FileNotFoundError, match=r"0007-\*\.pth"):
        main(arguments(tmp_path, "a", epoch=7))


@pytest.mark.parametrize(
    "words",
    [["--sampler", "magic"], ["--runs", "2", "--run", "1"], ["--epoch", "1", "--checkpoint", "x"]],
)
def test_options_that_cannot_be(tmp_path, words, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*arguments(tmp_path, "a"), *words])
    assert ended.value.code == 2 and words[0] in capsys.readouterr().err
