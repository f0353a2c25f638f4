"""The shipped model: a short version of the commands in docs/model-card.md, with its presets."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from photonvs.models.weights import named_first_stage
from photonvs.utils.files import BASE


def run(script: str, *words: object) -> None:
    subprocess.run(
        [sys.executable, BASE / script, *map(str, words)],
        check=True,
        cwd=BASE / "src",
        timeout=600,
    )


@pytest.mark.slow
def test_the_commands_of_the_model_card_make_a_model_that_samples(tmp_path):
    data, instance, latents = tmp_path / "data", tmp_path / "instance", tmp_path / "latents"
    for split in ("train", "test"):
        clips = [
            "--clips",
            2,
            "--rooms",
            1,
            "--frames",
            6,
            "--fps",
            5,
            "--workers",
            1,
            "--data",
            data,
        ]
        run("dataset-data/make-rooms.py", split, *clips)
        run("dataset-data/extract-poses.py", split, "--data", data)
    train = [
        f"data.poses={data}/train/poses.npy",
        f"data.videos={data}/train/videos",
        "training.log_every=1",
    ]
    first_stage = [
        *train,
        f"data.validation={data}/test",
        "training.steps=2",
        "training.validate_every=2",
    ]
    run(
        "src/scripts/train-first-stage.py",
        "--config",
        "first-stage-rooms",
        "--instance-data",
        instance,
        *first_stage,
    )
    to_encode = ["--config", "rooms", "--latents", latents, "--instance-data", instance]
    run("src/scripts/encode-latents.py", *to_encode, *train[:2])
    train_network = [*train, f"data.latents={latents}", "training.steps=2", "training.batch_size=2"]
    run("src/scripts/train.py", "--config", "rooms", "--instance-data", instance, *train_network)
    exported = instance / "rooms-denoiser.safetensors"
    to_export = [
        exported,
        "--half",
        "--first-stage",
        instance / "rooms-first-stage.safetensors",
        "--instance-data",
        instance,
    ]
    run("src/scripts/export-weights.py", *to_export)
    assert named_first_stage(exported) == instance / "rooms-first-stage.safetensors"

    (text,) = sorted((data / "RealEstate10K-original" / "test").glob("*.txt"))[:1]
    (video,) = (data / "test" / "videos").glob(f"{text.read_text().split('=')[1].split()[0]}.mp4")
    path = [
        "--sequence",
        text,
        "--video",
        video,
        "--frames",
        2,
        "-o",
        "samples/room",
        "--instance-data",
        instance,
    ]
    run("src/scripts/make-trajectory.py", "realestate10k", *path)
    sampling = [
        "--checkpoint",
        exported,
        "--steps",
        2,
        "--device",
        "cpu",
        "--instance-data",
        instance,
    ]
    run("src/scripts/sample-trajectory.py", "-o", "samples/room", *sampling)
    frame = np.asarray(
        Image.open(instance / "samples" / "room" / "samples" / "00000000" / "images" / "0001.png")
    )
    assert frame.shape == (128, 128, 3) and frame.std() > 0
