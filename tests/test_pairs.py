"""Pairs of frames: which are chosen, how often, and that image, pose and number belong together."""

import logging
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from numbered_video import numbers_of, write_numbered_video
from torch.utils.data import DataLoader, Subset

from photonvs.cameras.realestate10k import VideoPoses
from photonvs.datasets.pairs import PairDataset, choose_pair
from photonvs.datasets.poses import save_poses
from photonvs.datasets.video_reader import VideoCache

SIZE = 36
LENGTHS = {"a": 12, "b": 3, "c": 20, "gone": 5, "short": 2}  # poses of each sequence
# In the video, three frames between poses.
FIRST_FRAMES = {"a": 0, "b": 40, "c": 10, "gone": 0, "short": 0}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A folder of poses.npy and videos.

    A pose's translation is (frame number, sequence's letter, 0); its focal length tells the number.
    """
    folder = tmp_path_factory.mktemp("data")
    (folder / "videos").mkdir()
    for name in ("tour1", "tour2"):
        write_numbered_video(
            folder / "videos" / f"{name}.mp4", range(0, 512 * 80, 512), size=(90, 160)
        )
    sequences = {}
    for name, length in LENGTHS.items():
        numbers = FIRST_FRAMES[name] + 3 * np.arange(length)
        poses = np.broadcast_to(np.eye(3, 4), (length, 3, 4)).copy()
        poses[:, 0, 3], poses[:, 1, 3] = numbers, ord(name[0])
        focal = 0.5 + numbers / 100
        video = {"c": "tour2", "gone": "missing"}.get(name, "tour1")
        sequences[name] = VideoPoses(
            video, np.round(numbers * 1e6 / 30).astype(np.int64), focal, focal, focal, focal, poses
        )
    save_poses(folder / "poses.npy", sequences)
    return folder


@pytest.fixture
def dataset(data) -> PairDataset:
    return PairDataset(data / "poses.npy", data / "videos", SIZE, seed=7)


def equal(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(first[key], second[key]) for key in first
    )


def test_sample(dataset):
    for index in range(12):
        sample, pair = dataset[index], dataset.choose(index)
        name = dataset.poses.id_of(pair.sequence)
        for side, frame in (("target", pair.target), ("cond", pair.cond)):
            image, pose = sample[f"{side}_image"], sample[f"{side}_pose"]
            number = FIRST_FRAMES[name] + 3 * frame
            assert (
                image.shape == (3, SIZE, SIZE)
                and image.dtype == torch.uint8
                and image.is_contiguous()
            )
            assert pose.shape == (4, 4) and pose.dtype == torch.float32
            expected = torch.eye(4)
            expected[0, 3] = 3 * (frame - pair.cond)  # the conditioning camera is at the origin
            torch.testing.assert_close(pose, expected, rtol=0, atol=0)
            assert sample[f"{side}_frame"] == frame
            # The crop keeps columns 35..125 of 160: the middle two of the four columns of squares.
            middle = [(number >> bit) & 1 for bit in (1, 2, 5, 6)]
            squares = (
                image[1, SIZE // 6 :: SIZE // 3][:2, [SIZE // 4, 3 * SIZE // 4]].flatten() > 128
            )
            assert squares.int().tolist() == middle
        torch.testing.assert_close(
            sample["focal_y"], torch.tensor(0.5 + (FIRST_FRAMES[name] + 3 * pair.target) / 100)
        )
        assert sample["sequence"] == pair.sequence and sample["focal_y"].dtype == torch.float32


def test_frames_of_a_pair_are_read_right(dataset):
    """The full frames, by their content, for every pose of a sequence."""
    sequence = dataset.poses["c"]
    frames = VideoCache(1).reader(dataset._video_paths["tour2"]).read(sequence.timestamps)
    assert numbers_of(frames) == [10 + 3 * index for index in range(20)]


def test_unusable_sequences_are_counted(data, caplog):
    with caplog.at_level(logging.INFO):
        dataset = PairDataset(data / "poses.npy", data / "videos", SIZE)
    assert len(dataset) == 3
    assert dataset.excluded == {"video missing": 1, "fewer than three poses": 1}
    assert [dataset.poses.id_of(number) for number in dataset.numbers] == ["a", "b", "c"]
    assert (
        "3 of 5 sequences are used; left out: 1 video missing, 1 fewer than three poses"
        in caplog.text
    )


def test_an_epoch_takes_every_sequence_once(dataset):
    orders = [
        tuple(dataset.choose(3 * epoch + position).sequence for position in range(3))
        for epoch in range(50)
    ]
    assert all(sorted(order) == dataset.numbers.tolist() for order in orders)
    # All orders of three occur in 50 epochs (probability of missing one: 6 (5/6)^50 < 1e-3).
    assert len(set(orders)) == 6


def test_last_frame_is_never_used(dataset):
    lengths = dataset.poses.lengths()
    seen = {number: set() for number in dataset.numbers.tolist()}
    for index in range(1500):
        pair = dataset.choose(index)
        assert pair.target != pair.cond
        seen[pair.sequence] |= {pair.target, pair.cond}
    assert all(frames == set(range(lengths[number] - 1)) for number, frames in seen.items())


def test_a_sample_depends_on_seed_and_number_only(data, dataset):
    pairs = [dataset.choose(index) for index in range(60)]
    other = PairDataset(data / "poses.npy", data / "videos", SIZE, seed=7)
    assert [other.choose(index) for index in reversed(range(60))] == pairs[::-1]
    assert all(equal(other[index], dataset[index]) for index in (11, 4, 5))
    assert [
        PairDataset(data / "poses.npy", data / "videos", SIZE, seed=8).choose(index)
        for index in range(60)
    ] != pairs


def test_workers_give_the_same_samples(dataset):
    """Forked workers inherit open files; spawned ones get the data set pickled."""
    expected = [dataset[index] for index in range(4)]
    loader = DataLoader(
        Subset(dataset, range(4)), batch_size=None, num_workers=2, multiprocessing_context="fork"
    )
    assert all(equal(sample, reference) for sample, reference in zip(loader, expected, strict=True))
    pickled = pickle.dumps(dataset)
    copy = pickle.loads(pickled)  # noqa: S301
    assert all(equal(copy[index], reference) for index, reference in enumerate(expected))
    assert len(pickled) < 10_000


def test_choose_pair_is_uniform():
    """Every ordered pair within the gap is equally likely: chi-squared below its 99.9 % point."""
    for max_gap, count, limit in [(None, 30, 58.3), (2, 18, 40.8), (1, 10, 27.9), (99, 30, 58.3)]:
        generator = np.random.default_rng(0)
        draws = [choose_pair(generator, 6, max_gap) for _ in range(6000)]
        pairs = {(i, j) for i in range(6) for j in range(6) if 0 < abs(i - j) <= (max_gap or 6)}
        assert set(draws) == pairs and len(pairs) == count
        expected = len(draws) / count
        assert sum((draws.count(pair) - expected) ** 2 / expected for pair in pairs) < limit
    assert {choose_pair(np.random.default_rng(seed), 2) for seed in range(20)} == {(0, 1), (1, 0)}


def test_video_cache(data):
    first, second = (data / "videos" / f"tour{number}.mp4" for number in (1, 2))
    cache = VideoCache(1)
    reader = cache.reader(first)
    assert cache.reader(first) is reader
    cache.reader(second)
    assert cache.reader(first) is not reader
    reader = cache.reader(first)
    cache._process = os.getpid() + 1  # as in a forked process
    assert cache.reader(first) is not reader


def test_bad_inputs(data, dataset, tmp_path):
    with pytest.raises(IndexError, match="sample -1"):
        dataset[-1]
    with pytest.raises(ValueError, match="max_gap: found 0"):
        PairDataset(data / "poses.npy", data / "videos", SIZE, max_gap=0)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        PairDataset(data / "poses.npy", tmp_path / "none", SIZE)
    with pytest.raises(ValueError, match=r"none of 5 sequences .*: 5 video missing, 0 fewer"):
        PairDataset(data / "poses.npy", tmp_path, SIZE)


def with_damage(data: Path, folder: Path, bad: str) -> Path:
    """The videos, one of them no video."""
    for path in (data / "videos").iterdir():
        (folder / path.name).write_bytes(b"no video" if path.stem == bad else path.read_bytes())
    return folder


def test_unreadable_videos_are_replaced_and_nothing_else_changes(data, dataset, tmp_path, caplog):
    """tour2 has one sequence of three; others replace it, by (seed, number) alone."""
    videos = with_damage(data, tmp_path, "tour2")
    damaged = PairDataset(data / "poses.npy", videos, SIZE, seed=7)
    unreadable = list(dataset.poses).index("c")
    samples = {index: damaged[index] for index in reversed(range(12))}
    for index, sample in samples.items():
        assert bool(sample["replaced"]) == (dataset.choose(index).sequence == unreadable)
        assert sample["sequence"] != unreadable
        if not sample["replaced"]:
            assert equal(sample, dataset[index])
    assert sum(sample["replaced"] for sample in samples.values()) == 4
    warnings = [
        record.getMessage() for record in caplog.records if record.levelno == logging.WARNING
    ]
    assert (
        len(warnings) == 1
        and "video tour2 is set aside" in warnings[0]
        and "tour2.mp4: not a video" in warnings[0]
    )
    fresh = PairDataset(data / "poses.npy", videos, SIZE, seed=7)
    loader = DataLoader(Subset(fresh, range(4, 10)), batch_size=None, num_workers=2)
    assert all(equal(sample, samples[index]) for index, sample in enumerate(loader, start=4))


def test_replacements_are_drawn_evenly(dataset):
    """Over many samples every sequence takes the place of an unreadable one equally often."""
    drawn = [dataset.choose(index, attempt=1) for index in range(600)]
    counts = np.unique([pair.sequence for pair in drawn], return_counts=True)
    assert counts[0].tolist() == dataset.numbers.tolist()
    assert (
        ((counts[1] - 200) ** 2) / 200
    ).sum() < 13.8  # chi-squared, 2 degrees of freedom, 99.9 % point
    assert [dataset.choose(index, attempt=2) for index in range(600)] != drawn
    assert all(pair.target != pair.cond for pair in drawn)


def test_a_video_that_recovers_is_read_again(data, dataset, tmp_path):
    """What a process could not read before has no influence on later samples."""
    videos = with_damage(data, tmp_path, "tour2")
    damaged = PairDataset(data / "poses.npy", videos, SIZE, seed=7)
    index = next(index for index in range(9) if damaged[index]["replaced"])
    (videos / "tour2.mp4").write_bytes((data / "videos" / "tour2.mp4").read_bytes())
    assert equal(damaged[index], dataset[index])


def test_nothing_readable(data, tmp_path):
    for name in ("tour1", "tour2"):
        (tmp_path / f"{name}.mp4").write_text("not a video")
    with pytest.raises(
        ValueError,
        match=r"sample 0: 100 pairs in a row could not be read; the last: "
        r".*tour\d\.mp4: not a video",
    ):
        PairDataset(data / "poses.npy", tmp_path, SIZE)[0]
