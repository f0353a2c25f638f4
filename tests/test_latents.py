"""The latent cache on disk and the pairs that are read from it.

Caches here hold each frame's place instead of a picture.
"""

import logging
import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from numbered_video import write_numbered_video
from torch import nn

from photonvs.cameras.realestate10k import VideoPoses
from photonvs.config import Config, DataConfig, FirstStageConfig, TrainingConfig
from photonvs.datasets.latents import (
    LatentCache,
    LatentPairDataset,
    create_cache,
    describe,
    first_stage_fingerprint,
    lay_out,
)
from photonvs.datasets.pairs import PairDataset
from photonvs.datasets.poses import PoseFile, load_poses, save_poses
from photonvs.datasets.sources import open_dataset
from photonvs.models import build_first_stage

LENGTHS = {"a": 7, "b": 4, "c": 9, "d": 5, "e": 3, "short": 2, "gone": 6}
VIDEOS = {
    "a": "zoo",
    "b": "attic",
    "c": "zoo",
    "d": "barn",
    "e": "attic",
    "short": "barn",
    "gone": "lost",
}
PRESENT = {"zoo", "attic", "barn"}


def make_poses(folder: Path) -> PoseFile:
    sequences = {}
    for name, length in LENGTHS.items():
        poses = np.broadcast_to(np.eye(3, 4), (length, 3, 4))
        focal = np.full(length, 0.9)
        sequences[name] = VideoPoses(
            VIDEOS[name], 33_333 * np.arange(length), focal, focal, focal, focal, poses
        )
    save_poses(folder / "poses.npy", sequences)
    return load_poses(folder / "poses.npy")


def latent_value(sequence: int, pose: int) -> float:
    return 100.0 * sequence + pose


def make_cache(
    folder: Path, poses: PoseFile, missing: tuple[tuple[int, int], ...] = ()
) -> LatentCache:
    """A complete cache whose latents are (1, 2, 2), filled with `latent_value`.

    `missing`: (sequence, pose).
    """
    cache = create_cache(folder, poses, PRESENT, 10, describe(poses.path, "stage"))
    shards = [np.full((rows, 1, 2, 2), 999, np.float16) for rows in cache.frames(poses.lengths())]
    for sequence, (shard, start) in enumerate(cache.index):
        for pose in range(poses.lengths()[sequence] if shard >= 0 else 0):
            shards[shard][start + pose] = (
                np.nan if (sequence, pose) in missing else latent_value(sequence, pose)
            )
    for number, shard in enumerate(shards):
        assert not (shard == 999).any()
        np.save(cache.path(number), shard)
        cache.note_missing(number, Counter())
    return cache


def test_lay_out_is_a_partition(tmp_path):
    """Every pose of a present video has one row of its own; a video is in one shard.

    Shards end when they are full.
    """
    poses = make_poses(tmp_path)
    lengths = poses.lengths()
    for shard_frames in (1, 7, 8, 10, 17, 1000):
        index, shards = lay_out(poses, PRESENT, shard_frames)
        rows, shards_of = {}, {}
        for number, video in enumerate(poses.videos()):
            if video not in PRESENT:
                assert index["shard"][number] == -1
                continue
            shard, start = index[number]
            rows.setdefault(int(shard), []).extend(range(start, start + lengths[number]))
            shards_of.setdefault(video, set()).add(int(shard))
        assert sorted(rows) == list(range(shards))
        assert all(sorted(taken) == list(range(len(taken))) for taken in rows.values())
        assert all(len(shard) == 1 for shard in shards_of.values())
        longest = max(sum(lengths[np.array(poses.videos()) == video]) for video in PRESENT)
        assert all(len(taken) < shard_frames + longest for taken in rows.values())
    assert lay_out(poses, PRESENT, 1000)[1] == 1 and lay_out(poses, PRESENT, 1)[1] == 3
    assert [
        lay_out(poses, PRESENT, 8)[0]["shard"][poses.videos().index(video)]
        for video in ("attic", "barn", "zoo")
    ] == [
        0,
        0,
        1,
    ]


def test_read(tmp_path):
    poses = make_poses(tmp_path)
    cache = make_cache(tmp_path / "latents", poses)
    assert cache.shards > 1
    for sequence, length in enumerate(poses.lengths()):
        if poses.videos()[sequence] in PRESENT:
            frames = [length - 1, 0, 1]
            latents = cache.read(sequence, frames)
            assert latents.shape == (3, 1, 2, 2) and latents.dtype == np.float16
            assert latents[:, 0, 1, 1].tolist() == [
                latent_value(sequence, frame) for frame in frames
            ]


def test_same_pairs_as_from_videos(tmp_path):
    poses = make_poses(tmp_path)
    make_cache(tmp_path / "latents", poses)
    (tmp_path / "videos").mkdir()
    for name in PRESENT:
        (tmp_path / "videos" / f"{name}.mp4").touch()
    for seed, max_gap in ((0, None), (3, 2)):
        videos = PairDataset(poses.path, tmp_path / "videos", 16, seed, max_gap)
        latents = LatentPairDataset(poses.path, tmp_path / "latents", "stage", seed, max_gap)
        assert len(latents) == len(videos) == 5 and latents.excluded == videos.excluded
        assert [latents.choose(k, attempt) for k in range(40) for attempt in (0, 1, 2)] == [
            videos.choose(k, attempt) for k in range(40) for attempt in (0, 1, 2)
        ]


def test_samples(tmp_path):
    poses = make_poses(tmp_path)
    make_cache(tmp_path / "latents", poses)
    dataset = LatentPairDataset(poses.path, tmp_path / "latents", "stage")
    copy = pickle.loads(pickle.dumps(dataset))  # noqa: S301
    for k in range(15):
        pair, sample = dataset.choose(k), dataset[k]
        for side, frame in (("target", pair.target), ("cond", pair.cond)):
            expected = torch.full((1, 2, 2), latent_value(pair.sequence, frame))
            torch.testing.assert_close(sample[f"{side}_latent"], expected, rtol=0, atol=0)
        assert not sample["replaced"]
        assert all(torch.equal(copy[k][key], sample[key]) for key in sample)


def test_missing_frames_are_replaced_and_nothing_else_changes(tmp_path, caplog):
    poses = make_poses(tmp_path)
    make_cache(tmp_path / "whole", poses)
    zoo = poses.videos().index("zoo")  # sequence a
    gaps = tuple((zoo, pose) for pose in (0, 1, 2, 3))
    make_cache(tmp_path / "gaps", poses, gaps)
    whole, damaged = (
        LatentPairDataset(poses.path, tmp_path / name, "stage") for name in ("whole", "gaps")
    )
    replaced = 0
    for k in range(60):
        pair, sample = whole.choose(k), damaged[k]
        unreadable = {(pair.sequence, pair.target), (pair.sequence, pair.cond)} & set(gaps)
        assert bool(sample["replaced"]) == bool(unreadable)
        replaced += bool(unreadable)
        if not unreadable:
            assert all(torch.equal(sample[key], value) for key, value in whole[k].items())
    assert 5 < replaced < 20
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1
    assert "video zoo is set aside" in caplog.text


def test_mismatches(tmp_path):
    poses = make_poses(tmp_path)
    folder = tmp_path / "latents"
    cache = make_cache(folder, poses)
    with pytest.raises(
        ValueError,
        match=r"latents: its latents are of another first stage \(stage, this one is other\); use",
    ):
        LatentPairDataset(poses.path, folder, "other")
    with pytest.raises(ValueError, match="another first stage"):
        create_cache(folder, poses, PRESENT, 10, describe(poses.path, "other"))
    sequence = poses.sequence(0)
    save_poses(tmp_path / "other.npy", {"a": sequence, "b": sequence})
    with pytest.raises(ValueError, match="another poses file"):
        LatentPairDataset(tmp_path / "other.npy", folder, "stage")
    cache.path(1).rename(folder / "aside")
    with pytest.raises(
        ValueError,
        match=r"1 of 2 shards are not there yet, the first 0001\.npy; run encode-latents",
    ):
        LatentPairDataset(poses.path, folder, "stage")
    cache.path(1).write_bytes(b"nothing")
    sequence = int(np.flatnonzero(cache.index["shard"] == 1)[0])
    with pytest.raises(ValueError, match=r"0001\.npy: not a .npy file"):
        LatentCache(folder).read(sequence, [0])
    with pytest.raises(FileNotFoundError, match="no latents"):
        LatentCache(tmp_path / "nowhere")
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(ValueError, match="damaged"):
        LatentCache(folder)
    with pytest.raises(ValueError, match="none of the videos"):
        create_cache(tmp_path / "empty", poses, set(), 10, {})


def test_a_cache_keeps_to_its_first_layout(tmp_path):
    """Videos that come later don't move what is written already."""
    poses = make_poses(tmp_path)
    first = create_cache(tmp_path / "latents", poses, {"zoo", "barn"}, 10, {"format": 1})
    again = create_cache(tmp_path / "latents", poses, PRESENT, 3, {"format": 1})
    np.testing.assert_array_equal(first.index, again.index)


def test_first_stage_fingerprint():
    settings = FirstStageConfig(
        image_size=32, channels=32, channel_multipliers=[1, 1], codebook_size=8
    )
    torch.manual_seed(0)
    first = build_first_stage(settings)
    torch.manual_seed(0)
    same = build_first_stage(settings)
    assert first_stage_fingerprint(first) == first_stage_fingerprint(same)
    with torch.no_grad():
        same.quant_conv.bias[0] += 1e-6
    assert first_stage_fingerprint(first) != first_stage_fingerprint(same)
    pixels = [
        build_first_stage(FirstStageConfig(kind="pixels", image_size=16, pixel_block=block))
        for block in (2, 2, 4)
    ]
    marks = [first_stage_fingerprint(stage) for stage in pixels]
    assert marks[0] == marks[1] != marks[2]
    assert isinstance(first, nn.Module) and len(marks[0]) == 64


def test_open_dataset(tmp_path):
    poses = make_poses(tmp_path)
    make_cache(tmp_path / "latents", poses)
    data = DataConfig(poses=str(poses.path), videos=str(tmp_path / "videos"), max_gap=2)
    config = Config(data=data, training=TrainingConfig(seed=5))
    (tmp_path / "videos").mkdir()
    write_numbered_video(tmp_path / "videos" / "zoo.mp4", range(0, 512 * 3, 512))
    videos = open_dataset(config, "stage")
    assert type(videos) is PairDataset
    assert (videos.image_size, videos.seed, videos.max_gap) == (256, 5, 2)
    config.data.latents = str(tmp_path / "latents")
    latents = open_dataset(config, "stage")
    assert type(latents) is LatentPairDataset and (latents.seed, latents.max_gap) == (5, 2)
    with pytest.raises(ValueError, match="another first stage"):
        open_dataset(config, "other")
