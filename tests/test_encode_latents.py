"""Encoding a data set once.

The latents of every frame, whoever computes them and however often that is interrupted.
"""

import logging
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from numbered_video import write_numbered_video
from torch import nn

from photonvs.cameras.realestate10k import VideoPoses
from photonvs.commands.encode_latents import default_part, main, parse_part
from photonvs.config import Config, DataConfig, FirstStageConfig
from photonvs.datasets.latents import LatentCache
from photonvs.datasets.poses import load_poses, save_poses
from photonvs.datasets.sources import open_dataset
from photonvs.datasets.video import crop_and_resize, find_videos, read_frames
from photonvs.models import build_first_stage
from photonvs.training import latents as module
from photonvs.training.latents import encode_latents, first_stage_fingerprint
from photonvs.utils.files import temporary_beside

SIZE = 16  # pixels
# name: (video, first frame, poses, frames between poses); of one video partly at the same times
SEQUENCES = {
    "a": ("tour1", 0, 6, 4),
    "b": ("tour2", 5, 6, 2),
    "c": ("tour1", 20, 14, 3),
    "d": ("tour3", 0, 9, 4),
    "e": ("tour4", 50, 8, 5),
    "f": ("gone", 0, 4, 1),
}
CHUNK = 16  # frames
SHARD_BYTES = (
    9 * 12 * 8 * 8 * 2
)  # nine frames, which gives three shards: tour1; tour2 and tour3; tour4


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "videos").mkdir()
    for name in ("tour2.mp4", "tour3.mp4", "tour4.mp4"):
        write_numbered_video(folder / "videos" / name, range(0, 512 * 100, 512), size=(36, 64))
    write_numbered_video(
        folder / "videos" / "tour1.mkv",
        range(0, 1000 * 100 // 30, 1000 // 30),
        Fraction(1, 1000),
        (36, 64),
    )
    sequences = {}
    for name, (video, first, length, step) in SEQUENCES.items():
        times = np.round((first + step * np.arange(length)) * 1e6 / 30).astype(np.int64)
        focal, poses = np.full(length, 0.9), np.broadcast_to(np.eye(3, 4), (length, 3, 4))
        sequences[name] = VideoPoses(video, times, focal, focal, focal, focal, poses)
    save_poses(folder / "poses.npy", sequences)
    return folder


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", CHUNK)


@pytest.fixture
def config(data) -> Config:
    return make_config(data)


def make_config(data: Path) -> Config:
    return Config(
        first_stage=FirstStageConfig(kind="pixels", image_size=SIZE),
        data=DataConfig(poses=f"{data}/poses.npy", videos=f"{data}/videos", workers=0),
    )


@pytest.fixture
def pixels(config) -> nn.Module:
    return build_first_stage(config.first_stage)


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory) -> Path:
    """The cache that was written in one go."""
    config, folder = make_config(data), tmp_path_factory.mktemp("whole")
    done = encode_latents(
        config, folder, build_first_stage(config.first_stage), shard_bytes=SHARD_BYTES
    )
    assert (done.frames, done.missing, done.skipped, LatentCache(folder).shards) == (43, {}, 0, 3)
    return folder


def shards_of(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name[:4].isdigit()
    }


def direct(config: Config, first_stage: nn.Module, name: str) -> np.ndarray:
    """The latents of a sequence by reading and encoding its frames one after the other."""
    sequence = load_poses(config.data.poses)[name]
    latents = []
    for time in sequence.timestamps:
        frame = crop_and_resize(
            read_frames(find_videos(config.data.videos)[sequence.video], [time]), SIZE
        )
        latents.append(first_stage.encode(torch.from_numpy(frame).permute(0, 3, 1, 2) / 127.5 - 1))
    return torch.cat(latents).detach().numpy()


def test_equals_direct_encoding(config, tmp_path):
    """With a network whose output depends on the whole image, for every pose.

    At most half precision is lost.
    """
    config.first_stage = FirstStageConfig(
        image_size=SIZE,
        channels=32,
        channel_multipliers=[1, 1],
        residual_blocks=1,
        codebook_size=8,
    )
    first_stage = build_first_stage(config.first_stage).eval()
    done = encode_latents(config, tmp_path, first_stage)
    assert (done.frames, done.missing, done.skipped) == (43, {}, 0)
    poses, cache = load_poses(config.data.poses), LatentCache(tmp_path)
    for number, name in enumerate(poses):
        if name != "f":
            expected = direct(config, first_stage, name)
            assert expected.std() > 0.1
            np.testing.assert_allclose(
                cache.read(number, list(range(len(expected)))), expected, rtol=1e-3, atol=1e-5
            )
    assert cache.index["shard"].tolist() == [0, 0, 0, 0, 0, -1]
    images = torch.randint(0, 256, (2, 3, SIZE, SIZE), dtype=torch.uint8)
    exact, rounded = (
        module.Encoder(first_stage, precision)(images) for precision in ("float32", "bfloat16")
    )
    assert exact.dtype == rounded.dtype == np.float16 and (exact != rounded).any()
    np.testing.assert_allclose(rounded, exact, rtol=0.1, atol=0.05)


def test_parts_and_workers_equal_the_whole(config, pixels, whole, tmp_path):
    written = []
    for number in (3, 1, 4, 2):
        before = shards_of(tmp_path / "parts").keys() if (tmp_path / "parts").exists() else set()
        config.data.workers = 2 if number == 1 else 0
        part = encode_latents(
            config, tmp_path / "parts", pixels, (number, 4), shard_bytes=SHARD_BYTES
        )
        assert part.skipped == 0
        written.append((part.frames, shards_of(tmp_path / "parts").keys() - before))
    assert shards_of(tmp_path / "parts") == shards_of(whole)
    assert [len(names) for _, names in written] == [2, 2, 0, 2]  # three shards, each with its note
    assert sum(frames for frames, _ in written) == 43


MEMORY_OF_4K = """
import sys
from pathlib import Path
from photonvs.config import Config, DataConfig, FirstStageConfig
from photonvs.models import build_first_stage
from photonvs.training.latents import encode_latents
data = Path(sys.argv[1])
config = Config(
    first_stage=FirstStageConfig(kind="pixels", image_size=64),
    data=DataConfig(poses=f"{data}/poses.npy", videos=f"{data}/videos", workers=0),
)
done = encode_latents(config, data / "latents", build_first_stage(config.first_stage))
assert (done.frames, done.missing) == (64, {})
# Not getrusage: a process is born with the peak of the one that started it.
lines = Path("/proc/self/status").read_text().splitlines()
print(next(int(line.split()[1]) / 1e6 for line in lines if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_a_4k_video_is_encoded_in_little_memory(tmp_path):
    """64 frames, which are decoded together, take 1.6 GB as pixels."""
    (tmp_path / "videos").mkdir()
    path, times = tmp_path / "videos" / "wide.mp4", range(0, 64 * 512, 512)
    write_numbered_video(path, times, size=(2160, 3840), preset="ultrafast")
    seconds = np.arange(64) / 30
    focal, poses = np.full(64, 0.9), np.broadcast_to(np.eye(3, 4), (64, 3, 4))
    sequence = VideoPoses(
        "wide", np.round(seconds * 1e6).astype(np.int64), focal, focal, focal, focal, poses
    )
    save_poses(tmp_path / "poses.npy", {"a": sequence})
    line = [sys.executable, "-c", MEMORY_OF_4K, str(tmp_path)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1.2  # GB


@pytest.mark.parametrize("chunks", range(5))
def test_resumes_after_an_interruption(config, pixels, whole, tmp_path, monkeypatch, chunks):
    """Interrupted before its chunk number `chunks` and started again.

    What was whole stays, the rest is as if never stopped.
    """
    encode, left = module.Encoder.__call__, iter(range(chunks))

    def interrupted(encoder: module.Encoder, images: torch.Tensor) -> np.ndarray:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return encode(encoder, images)

    monkeypatch.setattr(module.Encoder, "__call__", interrupted)
    folder = tmp_path / "latents"
    with pytest.raises(KeyboardInterrupt):
        encode_latents(config, folder, pixels, shard_bytes=SHARD_BYTES)
    monkeypatch.undo()
    cache = LatentCache(folder)
    absent = cache.absent_shards()
    assert absent  # of the last one at least a chunk was left
    times = {path: path.stat().st_mtime_ns for path in folder.glob("[0-9]*")}
    left = temporary_beside(cache.path(absent[0]))
    left.write_bytes(b"of a process that was killed")
    resumed = encode_latents(config, folder, pixels, shard_bytes=SHARD_BYTES)
    assert resumed.skipped == cache.shards - len(absent)
    assert shards_of(folder) == shards_of(whole)
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_unreadable_videos(config, pixels, whole, tmp_path, caplog):
    """A video cut off, one that is none, one that vanishes after the beginning.

    Marked, counted and named; the others stay.
    """
    (tmp_path / "videos").mkdir()
    for path in Path(config.data.videos).iterdir():
        (tmp_path / "videos" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "videos" / "tour2.mp4").write_bytes(b"no video")
    content = (tmp_path / "videos" / "tour1.mkv").read_bytes()
    (tmp_path / "videos" / "tour1.mkv").write_bytes(content[: len(content) * 2 // 3])
    config.data.videos = str(tmp_path / "videos")
    done = encode_latents(config, tmp_path / "latents", pixels, (2, 3), shard_bytes=SHARD_BYTES)
    (tmp_path / "videos" / "tour4.mp4").unlink()
    done.missing += encode_latents(
        config, tmp_path / "latents", pixels, shard_bytes=SHARD_BYTES
    ).missing
    cache, reference = LatentCache(tmp_path / "latents"), LatentCache(whole)
    assert done.missing == sum(
        (cache.missing(shard) for shard in range(cache.shards)), type(done.missing)()
    )
    assert (
        done.missing["tour2"] == 6
        and done.missing["tour4"] == 8
        and done.missing["tour1"] == 20 - CHUNK
    )
    marked = 0
    for number, name in enumerate(load_poses(config.data.poses)):
        if name == "f":
            continue
        frames = list(range(SEQUENCES[name][2]))
        latents, expected = cache.read(number, frames), reference.read(number, frames)
        missing = np.isnan(latents).all(axis=(1, 2, 3))
        assert (
            missing.all()
            if name in "be"
            else missing[-1] and not missing[0]
            if name == "c"
            else not missing.any()
        )
        assert not np.isnan(latents[~missing]).any()
        np.testing.assert_array_equal(latents[~missing], expected[~missing])
        marked += missing.sum()
    assert marked == done.missing.total()
    warnings = [
        record.getMessage() for record in caplog.records if record.levelno == logging.WARNING
    ]
    assert sorted(text.split(":")[0] for text in warnings) == [
        "video tour1",
        "video tour2",
        "video tour4",
    ]


def test_command_then_training_data(config, data, tmp_path, caplog, monkeypatch):
    """The command line, and pairs from its result: those of the videos, encoded."""
    caplog.set_level(logging.INFO)
    arguments = [
        "--latents",
        str(tmp_path / "latents"),
        "--device",
        "cpu",
        f"data.poses={data / 'poses.npy'}",
    ]
    arguments += [
        f"data.videos={data / 'videos'}",
        "data.workers=0",
        "first_stage.kind=pixels",
        f"first_stage.image_size={SIZE}",
    ]
    with monkeypatch.context() as torchrun:
        torchrun.setenv("WORLD_SIZE", "2")
        torchrun.setenv("RANK", "1")
        main(arguments)
    assert caplog.messages == ["part 2 of 2: 0 frames written, 0 shards were there already"]
    main(arguments)
    assert "1 of 6 sequences have no video" in caplog.text
    assert "part 1 of 1: 43 frames written" in caplog.text and "latents: complete" in caplog.text
    first_stage = build_first_stage(config.first_stage)
    fingerprint = first_stage_fingerprint(first_stage)
    from_videos = open_dataset(config, fingerprint)
    config.data.latents = str(tmp_path / "latents")
    from_latents = open_dataset(config, fingerprint)
    assert len(from_videos) == len(from_latents) == 5
    for k in range(12):
        expected, sample = from_videos[k], from_latents[k]
        for side in ("target", "cond"):
            latent = first_stage.encode(expected.pop(f"{side}_image")[None] / 127.5 - 1)[0]
            torch.testing.assert_close(sample.pop(f"{side}_latent"), latent, rtol=1e-3, atol=1e-5)
        assert sample.keys() == expected.keys() and all(
            torch.equal(sample[key], expected[key]) for key in sample
        )
    with pytest.raises(ValueError, match="another first stage"):
        main([*arguments, "first_stage.pixel_block=4"])
    with pytest.raises(ValueError, match=r"another precision \(float32, this one is bfloat16\)"):
        main([*arguments, "--precision", "bfloat16"])
    with pytest.raises(ValueError, match="--part 3/2: expected I/N"):
        main([*arguments, "--part", "3/2"])
    with pytest.raises(ValueError, match="give --latents"):
        main(["first_stage.kind=pixels"])


def test_values_beyond_half_precision(config, pixels, tmp_path, monkeypatch):
    monkeypatch.setattr(pixels, "encode", lambda images: 1e5 * torch.ones(len(images), 12, 8, 8))
    with pytest.raises(ValueError, match="half precision cannot hold"):
        encode_latents(config, tmp_path, pixels)
    with pytest.raises(ValueError, match="precision 'int8': expected one of float32"):
        encode_latents(config, tmp_path, pixels, precision="int8")
    assert LatentCache(tmp_path).absent_shards() == [0]


def test_videos_that_come_late_are_reported(config, pixels, data, tmp_path, caplog):
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "tour2.mp4").symlink_to(data / "videos" / "tour2.mp4")
    config.data.videos = str(tmp_path / "videos")
    encode_latents(config, tmp_path / "latents", pixels)
    (tmp_path / "videos" / "tour3.mp4").symlink_to(data / "videos" / "tour3.mp4")
    assert encode_latents(config, tmp_path / "latents", pixels).skipped == 1
    assert "1 videos came after" in caplog.text


def test_parts():
    assert parse_part("2/8") == (2, 8)
    for text in ("0/2", "3/2", "1", "a/b", "-1/2"):
        with pytest.raises(ValueError, match="expected I/N"):
            parse_part(text)
    assert default_part({}) == (1, 1)
    array = {
        "SLURM_ARRAY_TASK_ID": "7",
        "SLURM_ARRAY_TASK_COUNT": "4",
        "SLURM_ARRAY_TASK_MIN": "1",
        "SLURM_ARRAY_TASK_STEP": "2",
    }
    assert default_part(array) == (4, 4)
    assert default_part({"RANK": "1", "WORLD_SIZE": "8"}) == (2, 8)
    parts = [
        default_part(
            {**array, "SLURM_ARRAY_TASK_ID": str(task), "RANK": str(rank), "WORLD_SIZE": "2"}
        )
        for task in (1, 3, 5, 7)
        for rank in (0, 1)
    ]
    assert parts == [(number, 8) for number in range(1, 9)]
    assert default_part(dict(os.environ))[1] >= 1
