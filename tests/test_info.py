"""`photonvs info`: what files and folders hold."""

import numpy as np
import pytest
import torch
import training_task
from sampling_task import CONFIG, write_task
from test_camera_files import write_colmap_text

from photonvs.cameras.paths import truck
from photonvs.commands import encode_latents, run_main
from photonvs.commands.info import main
from photonvs.commands.sample_trajectory import main as sample
from photonvs.config import load_config
from photonvs.datasets.chunk_files import make_record, save_chunk
from photonvs.models import build_denoiser, build_first_stage, save_weights
from photonvs.models.places import SHIPPED_DENOISER
from photonvs.training.score import train
from photonvs.utils.checkpoint import list_checkpoints, save_checkpoint
from photonvs.utils.words import millions


@pytest.fixture
def told(capsys):
    """told(path): the lines that the command prints below the path's."""

    def tell(path) -> str:
        capsys.readouterr()
        main([str(path)])
        first, *lines = capsys.readouterr().out.splitlines()
        assert first == f"{path}:"
        return "\n".join(line.strip() for line in lines)

    return tell


def test_weights(told, tmp_path):
    said = told(SHIPPED_DENOISER)
    assert "score network: the shipped small model" in said and "3.36 million parameters" in said
    assert "vqgan, frames of 128 x 128, latents 4 x 32 x 32, 8192 codes" in said
    denoiser = build_denoiser(CONFIG)
    save_weights(tmp_path / "mine.safetensors", denoiser)
    said = told(tmp_path / "mine.safetensors")
    count = sum(tensor.numel() for tensor in denoiser.state_dict().values())
    assert "score network: exported weights" in said and f"{millions(count)} parameters" in said
    assert "first stage: pixels, frames of 16 x 16, latents 12 x 8 x 8" in said


def test_first_stages(told, tmp_path):
    config = load_config("first-stage-small").first_stage
    state = build_first_stage(config).state_dict()
    judged = state | {"loss.discriminator.x": torch.zeros(10**7)}
    save_checkpoint(tmp_path / "its.ckpt", {"state_dict": judged, "config": {}})
    said = told(tmp_path / "its.ckpt")
    assert "weights of a first stage: in the published layout" in said
    assert f"{sum(one.numel() for one in state.values()) / 1e6:.3g} million parameters" in said


def test_cameras(told, tmp_path):
    write_colmap_text(
        tmp_path / "mine" / "sparse" / "0", truck(5), "OPENCV 200 100 90 90 90 50 .1 0 0 0"
    )
    said = told(tmp_path / "mine")
    assert said == told(tmp_path / "mine" / "sparse" / "0" / "images.txt")
    assert "5 cameras, read as a COLMAP model's folder\nframes frame_0.png to frame_4.png" in said
    assert "images of 200x100, focal_y 0.9000 (58.1 degrees high), principal point at" in said
    assert "lens distortion 0.1 0 0 0\npath length 1, largest step 0.25 and 0 degrees" in said
    np.save(tmp_path / "poses.npy", truck(3))
    assert "3 cameras, read as matrices" in (said := told(tmp_path / "poses.npy"))
    assert "no focal length" in said


@pytest.mark.parametrize("key", ["state_dict", "first_stage", "score_sde_model"])
def test_weights_of_another_project_are_not_taken_for_ours(tmp_path, key):
    foreign = {"encoder.conv_in.weight": torch.zeros(4), "logit_scale": torch.zeros(1)}
    save_checkpoint(tmp_path / "its.ckpt", {key: foreign, "epoch": 3})
    with pytest.raises(ValueError, match="its.ckpt: a checkpoint, but without weights of photonvs"):
        main([str(tmp_path / "its.ckpt")])


def test_training_and_its_data(told, tmp_path):
    footage = training_task.write_footage(tmp_path / "data")
    words = training_task.settings(footage)
    train(load_config("realestate10k", words), tmp_path / "i", "cpu")
    said = told(list_checkpoints(tmp_path / "i" / "checkpoints")[-1])
    assert "a training checkpoint of step 6 (48 samples), written " in said
    assert "epoch 16" in said and "young" in said
    said = told(footage / "poses.npy")
    assert "sequences: 3" in said and "poses: 24, from 8 to 8 a sequence" in said
    latents = tmp_path / "latents"
    words += ["--latents", str(latents), "--instance-data", str(tmp_path / "i")]
    encode_latents.main(words)
    said = told(latents)
    assert "3 of 3 sequences, 1 shards, complete" in said and "latents of 12 x 8 x 8" in said
    next(latents.glob("0000.npy")).unlink()
    assert "1 of 1 shards to go" in told(latents)


def test_chunks(told, tmp_path):
    times, poses = np.arange(4) * 100_000, np.tile(np.eye(4), (4, 1, 1))
    images = np.zeros((4, 24, 32, 3), np.uint8)
    record = make_record(
        "a" * 16, "https://x/watch?v=v", times, poses, (0.675, 0.9, 0.5, 0.5), images
    )
    save_chunk(tmp_path / "chunks" / "000000.torch", [record])
    said = told(tmp_path / "chunks")
    assert "1 files" in said and "frames of 32 x 24" in said and "poses: 4, from 4 to 4" in said


def test_samples(told, tmp_path):
    folder = write_task(tmp_path / "samples" / "room")
    said = told(folder)
    assert "a sample of 5 frames, given: 0 (their photos are there)" in said
    assert "path 0.4 units long, field of view 58 degrees" in said and "no runs yet" in said
    save_weights(tmp_path / "mine.safetensors", build_denoiser(CONFIG))
    words = ["-o", "samples/room", "--instance-data", str(tmp_path), "--device", "cpu"]
    sample([*words, "--checkpoint", str(tmp_path / "mine.safetensors"), "--steps", "2"])
    run = "run 00000000: complete, dpm-solver, steps 2, seed 0, weights mine.safetensors"
    assert run in told(folder)
    (folder / "samples/00000000/images/0003.png").unlink()
    assert "run 00000000: 4 of 5 frames, dpm" in told(folder)
    (folder / "samples/00000000/run.json").unlink()
    assert "made with unknown settings" in told(folder)


@pytest.mark.parametrize("name", ["notes.txt", "empty", "none.pth", "bad.safetensors", "bad.npy"])
def test_anything_else_is_one_line(tmp_path, name):
    (tmp_path / "empty").mkdir()
    for file in ("notes.txt", "bad.safetensors", "bad.npy"):
        (tmp_path / file).write_text("nothing")
    with pytest.raises(SystemExit) as ended:
        run_main(lambda: main([str(tmp_path / name)]))
    assert f"error: {tmp_path / name}" in ended.value.code
    assert len(ended.value.code.splitlines()) == 1
