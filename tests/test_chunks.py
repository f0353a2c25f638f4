"""Chunks: frames and cameras come back, samples are numbered, bad files are one clear line."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from chunk_records import LENGTHS, SIZE, picture, poses_of, record
from safetensors.torch import load_file

from photonvs.commands.make_rooms import main as make_rooms
from photonvs.config import Config, load_config
from photonvs.datasets import chunks
from photonvs.datasets.chunk_files import encode_jpeg, make_record, read_chunk, save_chunk
from photonvs.datasets.chunks import INDEX, ChunkIndex, ChunkPairDataset
from photonvs.datasets.frames import ChunkFrameDataset
from photonvs.datasets.latents import LatentCache, first_stage_fingerprint
from photonvs.datasets.sources import open_dataset
from photonvs.models import build_first_stage
from photonvs.training.first_stage import FirstStageTask, train_first_stage
from photonvs.training.latents import encode_latents
from photonvs.utils.distributed import Process


@pytest.fixture
def folder(tmp_path) -> Path:
    save_chunk(tmp_path / "000000.torch", [record("b"), record("a")])
    save_chunk(tmp_path / "000001.torch", [record("c")])
    return tmp_path


def test_frames_and_cameras_come_back(folder):
    index = ChunkIndex(folder)
    assert list(index.poses) == ["a", "b", "c"]
    for number, key in enumerate("abc"):
        sequence = index.poses[key]
        assert sequence.video == f"video-{key}"
        assert sequence.timestamps.tolist() == [1000 * n for n in range(LENGTHS[key])]
        np.testing.assert_allclose(sequence.focal_y, 0.9, rtol=1e-6)
        expected = poses_of(LENGTHS[key], number)
        np.testing.assert_allclose(sequence.poses, expected[:, :3], atol=1e-6)
        frames = [LENGTHS[key] - 1, 0]
        for frame, image in zip(frames, index.read(number, frames), strict=True):
            assert np.abs(image.astype(int) - picture(key, frame)).max() <= 3  # the compression


def test_poses_are_put_in_the_order_of_time(tmp_path):
    entry, order = record("a"), [2, 0, 3, 1]
    entry["timestamps"], entry["cameras"] = entry["timestamps"][order], entry["cameras"][order]
    entry["images"] = [entry["images"][n] for n in order]
    save_chunk(tmp_path / "0.torch", [entry])
    index = ChunkIndex(tmp_path)
    assert index.poses["a"].timestamps.tolist() == [0, 1000, 2000, 3000]
    greens = [int(image[0, 0, 1]) for image in index.read(0, [0, 1, 2, 3])]
    np.testing.assert_allclose(greens, [40, 60, 80, 100], atol=3)


def test_the_index_is_made_once_and_again_when_chunks_are_added(folder, monkeypatch):
    ChunkIndex(folder)
    with monkeypatch.context() as patch:
        patch.setattr(chunks, "read_chunk", None)  # not read any more
        assert len(ChunkIndex(folder).poses) == 3
    (folder / "000001.torch").unlink()
    assert len(ChunkIndex(folder).poses) == 2
    assert [path.name for path in folder.iterdir() if path.is_dir()] == [INDEX]


def test_an_index_that_was_not_finished_is_not_there(folder, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(chunks, "save_poses", lambda *_: (_ for _ in ()).throw(RuntimeError))
        ChunkIndex(folder)
    assert not [path for path in folder.iterdir() if path.is_dir()]
    assert len(ChunkIndex(folder).poses) == 3


def test_pairs_are_numbered_and_the_same_in_another_process(folder):
    dataset = ChunkPairDataset(folder, SIZE, seed=5)
    again = pickle.loads(pickle.dumps(dataset))  # noqa: S301
    for number in (7, 0, 31):
        pair, sample, other = dataset.choose(number), dataset[number], again[number]
        assert all(torch.equal(sample[name], other[name]) for name in sample)
        key = "abc"[pair.sequence]
        for kind, frame in (("target", pair.target), ("cond", pair.cond)):
            image = sample[f"{kind}_image"]
            assert image.shape == (3, SIZE, SIZE)
            np.testing.assert_allclose(image[:, 3, 3], picture(key, frame)[3, 3], atol=3)
        step = 0.1 * (pair.target - pair.cond)
        np.testing.assert_allclose(sample["target_pose"][0, 3], step, atol=1e-6)


def test_wide_frames_give_their_centre_square(tmp_path):
    wide = np.zeros((36, 64, 3), np.uint8)
    wide[:, 14:50], wide[:18, 14:50] = (200, 90, 20), (20, 90, 200)  # all that is in the square
    images, poses = [wide] * 4, poses_of(4, 0)
    url = "https://x.invalid/watch?v=wide"
    save_chunk(
        tmp_path / "0.torch",
        [make_record("w", url, range(4), poses, (9 / 16, 1, 0.5, 0.5), images)],
    )
    image = ChunkPairDataset(tmp_path, SIZE)[0]["target_image"].float()
    assert image.shape == (3, SIZE, SIZE)
    upper, lower = image[:, 1:7, 1:-1].mean((1, 2)), image[:, 9:-1, 1:-1].mean((1, 2))
    np.testing.assert_allclose(upper, (20, 90, 200), atol=4)
    np.testing.assert_allclose(lower, (200, 90, 20), atol=4)


def test_single_frames_are_the_targets_of_the_pairs(folder):
    pairs, frames = ChunkPairDataset(folder, SIZE, 1), ChunkFrameDataset(folder, SIZE, 1)
    mirrored = ChunkFrameDataset(folder, SIZE, 1, flip=True)
    for number in range(6):
        image = frames[number]["image"]
        torch.testing.assert_close(image, pairs[number]["target_image"])
        assert torch.equal(mirrored[number]["image"], image) or torch.equal(
            mirrored[number]["image"].flip(-1), image
        )


def test_the_first_stage_is_trained_and_validated_on_chunks(folder):
    settings = ["first_stage.image_size=16", "first_stage.channel_multipliers=[1,1]"]
    settings += [f"data.chunks={folder}", f"data.validation={folder}", "training.seed=1"]
    settings += ["first_stage_training.crop=null"]
    task = FirstStageTask(load_config("first-stage-varied", settings), Process(torch.device("cpu")))
    expected = ChunkFrameDataset(folder, SIZE, 1)
    for dataset in (task.dataset, task.held_out):
        (image, mirrored), other = (lambda x: (x, x.flip(-1)))(expected[2]["image"]), dataset[2]
        assert torch.equal(other["image"], image) or torch.equal(other["image"], mirrored)


def test_training_from_chunks_and_from_their_latents_takes_the_same_pairs(folder):
    config = Config()
    config.data.chunks, config.data.workers, config.training.seed = str(folder), 0, 4
    config.first_stage.kind, config.first_stage.image_size = "pixels", SIZE
    first_stage = build_first_stage(config.first_stage)
    from_chunks = open_dataset(config, "")
    assert encode_latents(config, folder / "latents", first_stage).frames == 15
    config.data.latents = str(folder / "latents")
    from_latents = open_dataset(config, first_stage_fingerprint(first_stage))
    images = [
        image
        for n, length in enumerate((4, 6, 5))
        for image in from_chunks.read(n, None, range(length))
    ]
    expected = np.std(torch.stack(images).numpy() / 127.5 - 1)
    np.testing.assert_allclose(LatentCache(folder / "latents").deviation(), expected, rtol=1e-3)
    for number in (0, 3, 11):
        image, latent = from_chunks[number], from_latents[number]
        assert torch.equal(image["target_pose"], latent["target_pose"])
        expected = first_stage.encode(image["target_image"][None] / 127.5 - 1)[0]
        torch.testing.assert_close(latent["target_latent"], expected, rtol=1e-3, atol=1e-3)


def test_a_sequence_in_two_chunks_is_refused(folder):
    save_chunk(folder / "000002.torch", [record("b")])
    with pytest.raises(ValueError, match=r"sequence b is in 000000.torch and in 000002.torch"):
        ChunkIndex(folder)


def test_a_folder_without_chunks_says_what_was_expected(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"expected a folder of \.torch files"):
        ChunkIndex(tmp_path)


def test_an_unreadable_image_is_replaced_and_others_stay(folder):
    """Damage inside one image, after the index was made."""
    dataset = ChunkPairDataset(folder, SIZE, seed=5)
    whole = [dataset[number] for number in range(9)]
    place = read_chunk(folder / "000001.torch")[0].images
    content = bytearray((folder / "000001.torch").read_bytes())
    for image in place:
        content[image.offset : image.offset + image.size] = bytes(image.size)
    (folder / "000001.torch").write_bytes(content)
    replaced = 0
    for number, before in enumerate(whole):
        sample = dataset[number]
        replaced += bool(sample["replaced"])
        if not sample["replaced"]:
            assert torch.equal(sample["target_image"], before["target_image"])
        assert sample["sequence"] != 2
    assert replaced == 3  # once an epoch


def test_make_rooms_writes_chunks_and_goes_on_where_it_stopped(tmp_path, capsys):
    arguments = ["test", "--style", "varied", "--chunks", str(tmp_path), "--frames", "3"]
    arguments += ["--size", "16", "--chunk-rooms", "2", "--workers", "1"]
    make_rooms([*arguments, "--clips", "3"])
    assert "3 rooms made, 0 were there" in capsys.readouterr().out
    files = sorted((tmp_path / "test").iterdir())
    assert [path.name for path in files] == ["000000.torch", "000001.torch", "index.json"]
    first = files[0].read_bytes(), files[0].stat().st_mtime_ns
    files[1].unlink()
    make_rooms([*arguments, "--clips", "4"])
    assert "2 rooms made, 2 were there" in capsys.readouterr().out
    assert (files[0].read_bytes(), files[0].stat().st_mtime_ns) == first
    index = ChunkIndex(tmp_path / "test")
    assert len(index.poses) == 4 and index.read(0, [2])[0].shape == (16, 16, 3)
    with pytest.raises(ValueError, match="holds other rooms than asked for"):
        make_rooms([*arguments, "--clips", "4", "--seed", "1"])


def test_chunks_are_of_varied_rooms(tmp_path):
    with pytest.raises(ValueError, match="--chunks: holds varied rooms; add --style varied"):
        make_rooms(["test", "--chunks", str(tmp_path)])


def test_the_preset_of_the_varied_rooms_is_complete():
    config = load_config("first-stage-varied")
    assert config.data.chunks and config.first_stage.image_size == 128


def test_a_stopped_training_goes_on_as_if_it_had_not_stopped(folder, tmp_path):
    settings = ["first_stage.image_size=16", "first_stage.channel_multipliers=[1,1]"]
    settings += ["first_stage.codebook_size=32", f"data.chunks={folder}", "data.validation=null"]
    settings += ["first_stage_training.crop=8", "training.decay_steps=0"]

    def train(name: str, steps: int) -> dict[str, torch.Tensor]:
        config = load_config("first-stage-varied", [*settings, f"training.steps={steps}"])
        return load_file(train_first_stage(config, tmp_path / name, "cpu"))

    through = train("through", 4)
    train("stopped", 2)
    torch.testing.assert_close(train("stopped", 4), through, rtol=0, atol=0)


def test_crops_are_squares_of_the_frame_and_numbered(tmp_path):
    ramp = np.arange(SIZE * SIZE, dtype=np.uint8).reshape(SIZE, SIZE, 1).repeat(3, 2)
    entry = record("a")
    entry["images"] = [encode_jpeg(ramp)] * 4
    save_chunk(tmp_path / "0.torch", [entry])
    whole, cut = (ChunkFrameDataset(tmp_path, SIZE, 1, flip=True) for _ in range(2))
    cut.crop = 8
    found = set()
    for number in range(12):
        square = cut[number]["image"]
        assert torch.equal(square, cut[number]["image"]) and square.shape == (3, 8, 8)
        squares = whole[number]["image"].unfold(1, 8, 1).unfold(2, 8, 1)  # (3, 9, 9, 8, 8)
        equal = (squares == square[:, None, None]).all(-1).all(-1).all(0).nonzero().tolist()
        assert len(equal) == 1
        found.add(tuple(equal[0]))
    assert len(found) > 6


@pytest.mark.parametrize("crop", [3, 0, 20])
def test_a_crop_that_does_not_fit_is_refused(folder, crop):
    settings = ["first_stage.image_size=16", "first_stage.channel_multipliers=[1,1]"]
    settings += [f"data.chunks={folder}", "data.validation=null"]
    settings += [f"first_stage_training.crop={crop}"]
    with pytest.raises(ValueError, match="crop .*: expected a multiple of 2 up to 16"):
        FirstStageTask(load_config("first-stage-varied", settings), Process(torch.device("cpu")))
