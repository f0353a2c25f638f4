"""Every file comes in through a checked entrance; a hostile one is one line with its name."""

import json
import os

import numpy as np
import pytest

from photonvs.config import load_config
from photonvs.utils import arrays
from photonvs.utils.arrays import read_array, read_arrays
from photonvs.utils.json_files import read_json
from photonvs.utils.reading import read_text
from photonvs.utils.yaml_files import read_yaml

READERS = {
    ".json": read_json,
    ".yaml": read_yaml,
    ".npy": read_array,
    ".npz": read_arrays,
}


def npy(header: str, content: bytes = b"\0" * 64) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + content


def whole_header(shape: str = "(2,)", kind: str = "'<f8'") -> str:
    return f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}\n"


@pytest.mark.parametrize("suffix", READERS)
@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path, suffix, kind):
    path = tmp_path / f"thing{suffix}"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(ValueError, match=f"thing{suffix}: .*expected") as caught:
        READERS[suffix](path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".json", ".yaml", ".npy", ".npz"])
def test_a_file_too_large_is_not_read(tmp_path, suffix):
    path = tmp_path / f"thing{suffix}"
    with path.open("wb") as file:
        file.truncate(2_000_000_000)  # a hole, which takes no space
    with pytest.raises(ValueError, match=f"thing{suffix}: 2000 MB; expected"):
        READERS[suffix](path)


@pytest.mark.parametrize(
    "suffix, content, message",
    [
        (".json", b"[" * 100_000, "not JSON|nested"),
        (".json", b"[" * 900 + b"]" * 900, "nested more than 100"),
        (".json", b'{"a": "\xff"}', "no UTF-8 text"),
        (".yaml", b"[" * 100_000, "nested more than 50"),
        (".yaml", b"- " * 100_000, "nested more than 50"),
        (".yaml", b"a: !!int ''", "not YAML"),
        (".yaml", b"a: !!timestamp x", "not YAML"),
        (".yaml", b"a: !!python/object/apply:os.system [exit]", "not YAML"),
        (".npy", b"", "not a .npy file"),
        (".npy", b"\x93NUMPY\x01\x00", "not a whole"),
        (".npy", npy("((((((((("), "not a whole"),
        (".npy", npy(whole_header("(999999999999999999999,)")), "not a whole"),
        (".npy", npy(whole_header("(99999999999,)")), "not a whole"),
        (".npy", npy(whole_header("(-3,)")), "not a whole"),
        (".npy", npy(whole_header(kind="'O'")), "not a whole"),
        (".npy", npy(whole_header(kind="[('a', " * 200 + "1" + ")]" * 200)), "not a whole"),
        (".npz", b"PK\x03\x04 and no more", "not a whole"),
    ],
)
def test_hostile_content_is_one_line_with_the_files_name(tmp_path, suffix, content, message):
    path = tmp_path / f"thing{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"thing{suffix}: .*({message})") as caught:
        READERS[suffix](path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


def test_a_few_aliases_are_fine_and_a_bomb_of_them_is_refused(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("training: &it\n  steps: 7\n")
    assert load_config(str(path)).training.steps == 7
    lines = ["a0: &a0 [1, 1]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]" for k in range(1, 12)]
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=r"settings\.yaml: more than 100,000"):
        load_config(str(path))


def test_an_archive_that_unpacks_to_more_than_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "ARCHIVE_BYTES", 1_000_000)
    np.savez_compressed(tmp_path / "matches.npz", x=np.zeros(3_000_000, np.uint8))
    assert (tmp_path / "matches.npz").stat().st_size < 100_000
    with pytest.raises(ValueError, match=r"matches\.npz: .*3 MB when unpacked"):
        read_arrays(tmp_path / "matches.npz")


def test_what_is_written_is_read(tmp_path):
    array = np.arange(12.0).reshape(3, 4)
    np.save(tmp_path / "a.npy", array)
    np.savez_compressed(tmp_path / "a.npz", one=array, two=array[:0])
    for mapped in (False, True):
        read = read_array(tmp_path / "a.npy", mapped)
        assert np.array_equal(read, array) and isinstance(read, np.memmap) == mapped
    archive = read_arrays(tmp_path / "a.npz")
    assert np.array_equal(archive["one"], array) and archive["two"].shape == (0, 4)
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + json.dumps([2**63]).encode())
    assert read_json(tmp_path / "a.json") == [2**63]
    (tmp_path / "a.json").write_text("9" * 400)
    assert read_json(tmp_path / "a.json") == float("inf")
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n")
    assert read_text(tmp_path / "a.txt", "a text") == "one\ntwo\nthree\n"
