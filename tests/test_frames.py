"""Single frames: that they are the right ones, and the same at every reading."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from numbered_video import numbers_of, write_numbered_video

from photonvs.cameras.realestate10k import VideoPoses
from photonvs.datasets.frames import FrameDataset
from photonvs.datasets.poses import save_poses

LENGTHS = {"a": 6, "b": 4, "gone": 5}  # poses of each sequence, three frames of the video apart


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "videos").mkdir()
    sequences = {}
    for start, (name, length) in enumerate(LENGTHS.items()):
        frames = start + 3 * np.arange(length)
        fractions, poses = np.full(length, 0.5), np.broadcast_to(np.eye(3, 4), (length, 3, 4))
        times = np.round(frames * 1e6 / 30).astype(np.int64)
        sequences[name] = VideoPoses(name, times, fractions, fractions, fractions, fractions, poses)
        if name != "gone":
            write_numbered_video(
                folder / "videos" / f"{name}.mp4", range(0, 512 * 30, 512), size=(90, 90)
            )
    save_poses(folder / "poses.npy", sequences)
    return folder


def frames_of(data: Path, **options: object) -> FrameDataset:
    return FrameDataset(data / "poses.npy", data / "videos", 36, **options)


def test_a_sample_shows_its_frame(data):
    dataset = frames_of(data, seed=3)
    assert len(dataset) == 2
    for index in range(12):
        sample = dataset[index]
        assert sample.keys() == {"image", "sequence", "frame", "replaced"}
        image = sample["image"]
        assert image.shape == (3, 36, 36) and image.dtype == torch.uint8 and image.is_contiguous()
        assert numbers_of(image.permute(1, 2, 0)[None].numpy()) == [
            int(sample["sequence"]) + 3 * int(sample["frame"])
        ]


def test_every_frame_but_the_last_is_as_likely(data):
    dataset = frames_of(data)
    counts = Counter((pair.sequence, pair.target) for pair in map(dataset.choose, range(3000)))
    for number, length in enumerate([6, 4]):
        expected = 1500 / (length - 1)
        found = [counts[number, frame] for frame in range(length)]
        assert found[-1] == 0
        assert all(abs(count - expected) < 4 * expected**0.5 for count in found[:-1])


def test_a_sample_depends_on_seed_and_number_only(data):
    first, second = frames_of(data, seed=1, flip=True), frames_of(data, seed=1, flip=True)
    expected = [first[index] for index in range(8)]
    for index in reversed(range(8)):
        assert all(torch.equal(item, expected[index][name]) for name, item in second[index].items())
    other = frames_of(data, seed=2)
    assert [other.choose(index) for index in range(8)] != [
        first.choose(index) for index in range(8)
    ]


def test_flipping_mirrors_about_half(data):
    plain, flipped = frames_of(data, seed=1), frames_of(data, seed=1, flip=True)
    mirrored = 0
    for index in range(40):
        image, other = plain[index]["image"], flipped[index]["image"]
        same, mirror = torch.equal(image, other), torch.equal(image.flip(-1), other)
        assert same or mirror
        mirrored += mirror and not same
    assert 10 <= mirrored <= 30
