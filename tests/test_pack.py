"""Videos to chunks and back: the same frames, cameras and pairs; stopped runs go on."""

import numpy as np
import pytest
import torch
from repository import DATA
from training_task import settings, write_footage

from photonvs.commands import encode_latents
from photonvs.commands.pack import main as pack_command
from photonvs.commands.unpack import main as unpack_command
from photonvs.config import load_config
from photonvs.datasets.chunk_files import encode_jpeg, read_chunk, save_chunk
from photonvs.datasets.chunks import ChunkIndex
from photonvs.datasets.extract import extract
from photonvs.datasets.latents import first_stage_fingerprint
from photonvs.datasets.layout import Split
from photonvs.datasets.pack import pack
from photonvs.datasets.poses import load_poses
from photonvs.datasets.sources import open_dataset
from photonvs.datasets.unpack import unpack
from photonvs.datasets.video import read_frames
from photonvs.models import build_first_stage


@pytest.fixture
def split(tmp_path) -> Split:
    write_footage(tmp_path / "data")
    split = Split(tmp_path / "data", "train")
    for text in split.texts.iterdir():  # frames of 64x48 whose pixels are square
        text.write_text(text.read_text().replace(" 0.5 0.9 ", " 0.675 0.9 "))
    extract(split)
    return split


def test_frames_and_cameras_of_the_videos_are_in_the_chunks(split, tmp_path):
    packed = pack(split, tmp_path / "chunks", frames=16)
    assert (packed.written, packed.there, packed.left_out) == (2, 0, {})
    assert sorted(packed.places.values()) == ["000000.torch", "000000.torch", "000001.torch"]
    index, poses = ChunkIndex(tmp_path / "chunks"), load_poses(split.poses)
    assert list(index.poses) == list(poses)
    for number, key in enumerate(poses):
        found, expected = index.poses[key], poses[key]
        np.testing.assert_array_equal(found.timestamps, expected.timestamps)
        np.testing.assert_allclose(found.poses, expected.poses, atol=1e-6)
        np.testing.assert_allclose(found.focal_x, expected.focal_x, rtol=1e-6)
        images = np.stack(index.read(number, range(len(expected)))).astype(int)
        true = read_frames(split.videos / f"{expected.video}.mp4", expected.timestamps)
        assert np.abs(images - true).mean() < 1


def test_training_from_chunks_takes_the_pairs_of_the_videos_and_of_latents(split, tmp_path):
    """The same pairs for the same seed, with the same frames."""
    folder = tmp_path / "chunks" / "train"
    pack_command(
        ["train", "--data", str(split.data), "--chunks", str(folder.parent), "--workers=1"]
    )
    words = settings(split.folder, "training.seed=4")
    from_videos = open_dataset(load_config("realestate10k", words), "")
    config = load_config("realestate10k", [*words, f"data.chunks={folder}"])
    from_chunks, first_stage = open_dataset(config, ""), build_first_stage(config.first_stage)
    latents = ["--latents", str(tmp_path / "latents"), "--chunks", str(folder)]
    encode_latents.main([*words, *latents, "--instance-data", str(tmp_path)])
    config.data.latents = str(tmp_path / "latents")
    from_latents = open_dataset(config, first_stage_fingerprint(first_stage))
    for number in range(12):
        video, chunk, latent = (one[number] for one in (from_videos, from_chunks, from_latents))
        for name in ("sequence", "target_frame", "cond_frame"):
            assert video[name] == chunk[name] == latent[name]
        torch.testing.assert_close(chunk["target_pose"], video["target_pose"], atol=1e-6, rtol=0)
        difference = (chunk["target_image"].float() - video["target_image"].float()).abs()
        assert difference.mean() < 1.5
        expected = first_stage.encode(chunk["target_image"][None] / 127.5 - 1)[0]
        torch.testing.assert_close(latent["target_latent"], expected, atol=1e-3, rtol=1e-3)


def test_a_stopped_packing_goes_on(split, tmp_path):
    pack(split, tmp_path / "chunks", frames=8)
    files = sorted((tmp_path / "chunks").glob("*.torch"))
    content = [path.read_bytes() for path in files]
    files[1].unlink()
    (tmp_path / "chunks" / "index.json").unlink()
    again = pack(split, tmp_path / "chunks", frames=8)
    assert (again.written, again.there) == (1, 2)
    assert [path.read_bytes() for path in files] == content
    with pytest.raises(ValueError, match="holds other sequences than it would now"):
        pack(split, tmp_path / "chunks", frames=16)


def test_sequences_without_frames_are_left_out_and_counted(split, tmp_path):
    (split.videos / "video0.mp4").unlink()
    (split.videos / "video2.mp4").write_bytes(b"no video")
    packed = pack(split, tmp_path / "chunks")
    assert len(packed.places) == 1
    assert (
        "2 left out: " in packed.report() or "1 left out: its video is missing" in packed.report()
    )
    assert pack(split, tmp_path / "chunks").there == 1
    (split.videos / "video1.mp4").unlink()
    with pytest.raises(ValueError, match="no sequence of .* can be packed"):
        pack(split, tmp_path / "others")


def test_high_frames_are_packed_as_training_sees_them(tmp_path):
    """The clips of the tests are 360 pixels high; a camera that says otherwise is left out."""
    data = tmp_path / "data"
    for name in ("RealEstate10K-original/train", "train/videos"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).symlink_to(DATA / "clips" / name)
    split = Split(data, "train")
    extract(split)
    packed = pack(split, tmp_path / "chunks", quality=80)
    index = ChunkIndex(tmp_path / "chunks")
    assert packed.left_out == {} and len(index.poses) == len(load_poses(split.poses))
    assert index.read(0, [0])[0].shape[0] <= 360


def test_unpacked_chunks_are_the_videos_and_texts_again(split, tmp_path, capsys):
    pack(split, tmp_path / "chunks" / "train")
    back = Split(tmp_path / "back", "train")
    line = ["train", "--chunks", str(tmp_path / "chunks"), "--data", str(back.data), "--workers=1"]
    unpack_command(line)
    assert "3 videos written, 0 were there; 3 text files written" in capsys.readouterr().out
    assert extract(back).sequences == 3
    before, after = load_poses(split.poses), load_poses(back.poses)
    assert list(before) == list(after)
    for key in before:
        one, other = before[key], after[key]
        assert one.video == other.video
        np.testing.assert_array_equal(one.timestamps, other.timestamps)
        np.testing.assert_allclose(one.poses, other.poses, atol=1e-6)
        found = read_frames(back.videos / f"{other.video}.mp4", other.timestamps).astype(int)
        true = read_frames(split.videos / f"{one.video}.mp4", one.timestamps)
        for frame, expected in zip(found, true, strict=True):
            assert np.abs(frame - expected).mean() < 3
    (back.videos / "video1.mp4").unlink()
    (back.texts / f"{2:016x}.txt").unlink()
    unpack_command(line)
    assert "1 videos written, 2 were there; 1 text files written" in capsys.readouterr().out


def test_sequences_of_one_video_share_its_file(split, tmp_path):
    """As in RealEstate10K: parts of one video, some frames in both, beginning late."""
    pack(split, tmp_path / "chunks")
    path = tmp_path / "chunks" / "000000.torch"
    entries = torch.load(path, weights_only=True)
    for entry, shift in zip(entries, (50_000_000, 50_400_000, 90_000_000), strict=True):
        entry["url"], entry["timestamps"] = entries[0]["url"], entry["timestamps"] + shift
    entries[1]["images"][:4] = entries[0]["images"][4:]  # of the same times
    save_chunk(path, entries)
    back = Split(tmp_path / "back", "test")
    assert unpack(tmp_path / "chunks", back).written == 1
    assert extract(back).sequences == 3
    poses, index = load_poses(back.poses), ChunkIndex(tmp_path / "chunks")
    for number, key in enumerate(poses):
        sequence = poses[key]
        frames = read_frames(back.videos / f"{sequence.video}.mp4", sequence.timestamps)
        expected = np.stack(index.read(number, range(len(sequence))))
        assert np.abs(frames.astype(int) - expected).mean((1, 2, 3)).max() < 3


def test_frames_of_two_sizes_are_no_video(split, tmp_path):
    pack(split, tmp_path / "chunks")
    path = tmp_path / "chunks" / "000000.torch"
    entries = torch.load(path, weights_only=True)
    entries[1]["images"][3] = encode_jpeg(np.zeros((90, 162, 3), np.uint8))
    save_chunk(path, entries)
    done = unpack(tmp_path / "chunks", Split(tmp_path / "back", "train"))
    assert done.written == 2 and "a video has one size" in done.failed["video1"]
    assert len(read_chunk(path)) == 3
