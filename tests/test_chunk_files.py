"""Files of chunks: each tensor lies where we say, and what is wrong with one is one clear line."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from chunk_records import record
from mutated import judge, mutants

from photonvs.datasets.chunk_files import read_chunk, save_chunk
from photonvs.datasets.chunks import INDEX, ChunkIndex
from photonvs.utils.checkpoint import read_checkpoint
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
        ({"key": 7}, "key 7: expected a plain name"),
        ({"key": "../../x"}, "expected a plain name"),
        ({"key": "a\x1b[31m"}, "expected a plain name"),
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


def everything(path: Path) -> list:
    """All poses and frames of the chunks in a file's folder, by an index that is made anew."""
    shutil.rmtree(path.parent / INDEX, ignore_errors=True)
    index = ChunkIndex(path.parent)
    return [
        (key, index.poses[key].poses.tolist(), np.stack(index.read(number, range(length))).tolist())
        for number, (key, length) in enumerate(zip(index.poses, index.poses.lengths(), strict=True))
    ]


def test_mutants_of_a_chunk_are_right_or_one_line(tmp_path):
    """Most of the damage is where the file says what it holds."""
    path = tmp_path / "0.torch"
    save_chunk(path, [record("a"), record("c")])
    whole, right = path.read_bytes(), everything(path)
    described = whole.index(b"data.pkl")
    for seed, place in enumerate((slice(described, described + 1500), slice(-1500, None))):
        found = judge(everything, path, mutants(whole, 48, seed, place))
        assert all(isinstance(one, str) or one == right for one in found)
        assert sum(isinstance(one, str) for one in found) > 24


def test_chunks_without_checksums_get_them_in_the_index(folder):
    path = folder / "000001.torch"
    torch.serialization.set_crc32_options(False)
    try:
        save_chunk(path, [record("c")])
    finally:
        torch.serialization.set_crc32_options(True)
    index = ChunkIndex(folder)
    (before,) = index.read(2, [3])
    place = read_chunk(path)[0].images[3]
    content = bytearray(path.read_bytes())
    content[place.offset + place.size // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="sequence c, frame 3: its bytes have changed"):
        index.read(2, [3])
    assert before.shape == (16, 16, 3)


def test_an_image_of_many_pixels_is_refused_before_it_is_decoded(tmp_path):
    """A JPEG of 16 x 16 pixels that says it has 60,000 x 60,000."""
    entry = record("a")
    encoded = entry["images"][0].numpy()
    start = bytes(encoded).index(b"\xff\xc0") + 5
    encoded[start : start + 4] = list(b"\xea\x60\xea\x60")
    save_chunk(tmp_path / "0.torch", [entry])
    (said,) = judge(read_chunk, tmp_path / "0.torch", [(tmp_path / "0.torch").read_bytes()])
    assert "sequence a: an image of 3600000000 pixels" in said or "cannot be decoded" in said


def test_a_pickle_cannot_ask_for_memory(tmp_path):
    """A place in the memo, and a bytearray, of thousands of millions."""
    for pickled in (
        b"\x80\x02]r\xff\xff\xff\xef.",
        b"\x80\x05\x96" + (1 << 35).to_bytes(8, "little") + b"..",
        b"\x80\x05\x8e" + (1 << 35).to_bytes(8, "little") + b"..",
    ):
        with zipfile.ZipFile(tmp_path / "0.torch", "w") as archive:
            archive.writestr("x/data.pkl", pickled)
        content = (tmp_path / "0.torch").read_bytes()
        for read in (read_chunk, read_checkpoint):
            (said,) = judge(read, tmp_path / "0.torch", [content])
            assert isinstance(said, str) or said == []
