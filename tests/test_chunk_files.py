"""Files of chunks: each tensor lies where we say, and what is wrong with one is one clear line."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from chunk_records import record

from photonvs.datasets.chunk_files import read_chunk, save_chunk
from photonvs.datasets.chunks import ChunkIndex
from photonvs.utils.tensor_places import locate_tensors


@pytest.fixture
def folder(tmp_path) -> Path:
    save_chunk(tmp_path / "000000.torch", [record("b"), record("a")])
    save_chunk(tmp_path / "000001.torch", [record("c")])
    return tmp_path


def test_a_chunk_is_what_torch_reads(folder):
    """Each tensor lies where we say it does."""
    path = folder / "000000.torch"
    expected, found = torch.load(path, weights_only=True), locate_tensors(path)
    with path.open("rb") as file:
        for entry, places in zip(expected, found, strict=True):
            assert entry["key"] == places["key"] and entry["url"] == places["url"]
            for name in ("timestamps", "cameras"):
                np.testing.assert_array_equal(places[name].read(file), entry[name].numpy())
            for image, place in zip(entry["images"], places["images"], strict=True):
                np.testing.assert_array_equal(place.read(file), image.numpy())


def test_tensors_that_share_a_storage_are_found(tmp_path):
    whole = torch.arange(24, dtype=torch.int64)
    torch.save([whole[4:10], whole[12:].view(3, 4)], tmp_path / "x.torch")
    places = locate_tensors(tmp_path / "x.torch")
    with (tmp_path / "x.torch").open("rb") as file:
        assert places[0].read(file).tolist() == list(range(4, 10))
        assert places[1].read(file).tolist() == np.arange(12, 24).reshape(3, 4).tolist()


def bad(entry: dict[str, object], **changes: object) -> dict[str, object]:
    return {name: value for name, value in (entry | changes).items() if value is not None}


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"images": None}, "it has no 'images'"),
        ({"key": 7}, "its key is 7, expected text"),
        ({"timestamps": torch.zeros(3, dtype=torch.int64)}, "4 images, timestamps"),
        ({"cameras": torch.full((4, 18), torch.nan)}, "a camera is not finite"),
        ({"cameras": torch.zeros(4, 18)}, "not finite or has no rotation"),
        ({"url": "no address"}, "expected the URL"),
        ({"images": [torch.zeros(9, dtype=torch.uint8)] * 4}, "cannot be decoded"),
        ({"images": [torch.zeros(2, 2)] * 4}, "not the bytes of image files"),
        ({"timestamps": "soon"}, "sequence a"),
    ],
)
def test_a_sequence_without_sense_is_one_line(tmp_path, changes, message):
    save_chunk(tmp_path / "0.torch", [bad(record("a"), **changes)])
    with pytest.raises(ValueError, match=message) as caught:
        ChunkIndex(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / "0.torch")) and "\n" not in str(caught.value)


def test_squashed_frames_are_refused(tmp_path):
    """A camera of 16:9, and square frames."""
    entry = record("a")
    entry["cameras"][:, 0] = 0.9 * 9 / 16
    save_chunk(tmp_path / "0.torch", [entry])
    with pytest.raises(ValueError, match="frames of 16x16 pixels are squashed"):
        ChunkIndex(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "text", "old", "compressed", "list", "hostile"])
def test_a_file_that_is_no_chunk_is_one_line(tmp_path, damage):
    path = tmp_path / "0.torch"
    save_chunk(path, [record("a")])
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-500])
    elif damage == "text":
        path.write_text("not a chunk")
    elif damage == "old":
        torch.save([record("a")], path, _use_new_zipfile_serialization=False)
    elif damage == "list":
        torch.save({"a": 1}, path)
    else:
        with zipfile.ZipFile(path) as source:
            content = {name: source.read(name) for name in source.namelist()}
        if damage == "hostile":
            name = next(name for name in content if name.endswith("data.pkl"))
            content[name] = b"cos\nsystem\n(Vtouch /tmp/x\ntR."
        method = zipfile.ZIP_DEFLATED if damage == "compressed" else zipfile.ZIP_STORED
        with zipfile.ZipFile(path, "w", method) as target:
            for name, data in content.items():
                target.writestr(name, data)
    with pytest.raises(ValueError) as caught:
        read_chunk(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_damaged_chunks_are_right_or_one_line(tmp_path):
    """Bytes changed or cut off anywhere, most of them where the file says what it holds."""
    save_chunk(tmp_path / "0.torch", [record("a")])
    whole, path = (tmp_path / "0.torch").read_bytes(), tmp_path / "1.torch"
    described, rng, refused = whole.index(b"data.pkl"), np.random.default_rng(0), 0
    for number in range(160):
        content = bytearray(whole)
        if number % 4 == 0:
            content = content[: rng.integers(len(whole))]
        else:
            start, length = (described, 1200) if number % 4 < 3 else (len(whole) - 1500, 1500)
            for place in start + rng.integers(length, size=3):
                content[place] = rng.integers(256)
        path.write_bytes(content)
        try:
            read_chunk(path)
        except ValueError as error:
            refused += 1
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
    assert refused > 80
