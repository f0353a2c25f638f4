"""A whole model made by a tiny recipe: every stage, stopping and going on, and the command."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from photonvs.cameras.spec import SamplingSpec
from photonvs.commands.make_model import main
from photonvs.models import load_denoiser
from photonvs.models.model import open_model
from photonvs.sampling.draw import draw
from photonvs.sampling.drawing import Drawing
from photonvs.sampling.method import Method
from photonvs.training.making import make_model
from photonvs.training.plan import Interrupted
from photonvs.training.recipe import load_recipe, with_minutes
from photonvs.utils.files import BASE

RECIPE = """
rooms: 4
parts: 2
own_rooms: 1
test_rooms: 2
frames: 4
size: 32
chunk_rooms: 2
minutes: {rooms: 0.01, first_stage: 0.02, score: 0.02, few_step: 0.02}
first_stage:
  config: first-stage-varied
  settings:
    - first_stage.image_size=32
    - first_stage.channel_multipliers=[1,1]
    - first_stage.codebook_size=16
    - first_stage_training.crop=null
    - first_stage_training.validation_frames=2
    - training.batch_size=2
score:
  config: rooms-varied
  settings:
    - denoiser.channels=8
    - denoiser.channel_multipliers=[1,1]
    - denoiser.ray_channels=[8,8]
    - denoiser.attention_resolutions=[8]
    - data.on_device=true
    - training.batch_size=2
few_step: [consistency.stages=2]
"""


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    return tmp_path / "tiny.yaml"


def test_presets_load_with_their_settings_and_times():
    for name in ("rooms", "rooms-gpu"):
        recipe = load_recipe(name)
        recipe.first_stage.load()
        score = recipe.score.load()
        tuned = recipe.score.load(*recipe.few_step, "diffusion.objective=consistency")
        assert tuned.denoiser == score.denoiser and tuned.diffusion.trained_for == "consistency"
        assert score.first_stage == recipe.first_stage.load().first_stage
        times = with_minutes(recipe, 2.0, {"score": 5.0}).minutes
        assert (times.rooms, times.score, times.few_step) == (2, 5, 2)
    with pytest.raises(ValueError, match="stage 'latents': expected one of rooms"):
        with_minutes(recipe, None, {"latents": 1.0})
    with pytest.raises(FileNotFoundError, match="no recipe house: .* one of rooms, rooms-gpu"):
        load_recipe("house")


@pytest.mark.parametrize(
    ("text", "message"),
    [("parts: 0", "recipe.parts 0"), ("parts: 4", "decay 0.5: expected 0 to 0.25"), ("a: 1", "a")],
)
def test_mistakes_in_a_recipe_are_named(tmp_path, text, message):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ValueError, match=rf"bad.yaml: .*{message}"):
        load_recipe(str(tmp_path / "bad.yaml"))


@pytest.mark.slow
def test_a_model_is_made_whole_goes_on_after_a_stop_and_makes_frames(recipe, tmp_path):
    folder = tmp_path / "model"
    stop = folder / "score" / "checkpoints" / "stop"
    stop.parent.mkdir(parents=True)
    stop.touch()
    with pytest.raises(Interrupted, match="score network: stopped; the same command goes on"):
        make_model(
            with_minutes(load_recipe(str(recipe)), None, {"score": 60.0}), folder, device="cpu"
        )
    weights = make_model(load_recipe(str(recipe)), folder, device="cpu")
    files = {path.name for path in weights.iterdir()}
    assert files == {"denoiser.safetensors", "score.safetensors", "first-stage.safetensors"}
    made = json.loads((folder / "made.json").read_text())
    assert made["planned"]["rooms 0"] == 2 and (folder / "chunks/train-1/000000.torch").is_file()
    assert made["planned"]["few-step network ended 0"] == made["planned"]["few-step network steps"]
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.pth")}
    make_model(load_recipe(str(recipe)), folder, device="cpu")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.pth")} == before
    assert json.loads((folder / "made.json").read_text())["planned"] == made["planned"]
    for name, evaluations in (("denoiser", 2), ("score", 24)):
        model = open_model(folder, weights / f"{name}.safetensors")
        assert Method().fitted(model.denoiser.config).evaluations == evaluations
        poses = np.tile(np.eye(4), (2, 1, 1))
        shape = model.denoiser.config.latent_shape
        drawing = Drawing(SamplingSpec(0.9, poses, (1,), (None, (0,))), {0: torch.zeros(shape)})
        (drawn,) = draw([drawing], model.denoiser, model.first_stage, Method(steps=2))
        assert drawn.image.shape == (32, 32, 3)


@pytest.mark.slow
def test_the_script_for_a_gpu_needs_a_first_stage_but_no_video_package(recipe, tmp_path):
    """On the CPU, in processes in which `import av` fails; its parts join to weights that load."""
    shipped = BASE / "src/shipped/rooms-first-stage.safetensors"
    text = RECIPE.replace("size: 32", "size: 128").replace("parts: 2", "parts: 1")
    recipe.write_text(text.replace("first_stage: 0.02", "first_stage: 60"))
    (tmp_path / "av.py").write_text("raise ImportError('no av here')")
    places = {"OUT": tmp_path / "out", "WORK": tmp_path / "work", "FIRST_STAGE": shipped}
    more = {"RECIPE": recipe, "PYTHON": sys.executable, "DEVICE": "cpu"}
    parts = {
        "BENCH": "start --help",
        "TESTS": "tests/test_gpu_training.py -k latents_are",
    }
    settings = {name: str(value) for name, value in (places | more | parts).items()}
    done = subprocess.run(
        [BASE / "studies/gpu-session.sh"],
        env=os.environ | settings | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "next: photonvs sample-trajectory" in done.stdout
    log = (tmp_path / "out" / "session.log").read_text()
    assert "stage export: done" in log and "--repeats" in log and "1 passed" in log
    for name, trained_for in (("denoiser", "consistency"), ("score", "score")):
        parts = sorted((tmp_path / "out").glob(f"{name}.safetensors.part-*"))
        joined = tmp_path / f"{name}.safetensors"
        joined.write_bytes(b"".join(part.read_bytes() for part in parts))
        assert load_denoiser(joined).config.diffusion.trained_for == trained_for


def test_options_that_cannot_be_are_refused(capsys):
    for words, message in (
        (["--workers", "0"], "--workers must be at least 1"),
        (["--minutes-of", "score"], "--minutes-of: invalid"),
    ):
        with pytest.raises(SystemExit):
            main(words)
        assert message in capsys.readouterr().err
