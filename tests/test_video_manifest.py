"""The record of downloads: what it keeps, and what it makes of damage."""

import json

import pytest

from photonvs.datasets.download.manifest import Entry, open_manifest, read_manifest


def entry(video, status="there", reason=""):
    return Entry(video, f"http://host/{video}", status, "2026-01-01T00:00:00+00:00", reason)


def test_manifest_keeps_the_last_answer(tmp_path):
    with open_manifest(tmp_path) as (_, add):
        add(entry("a", "failed"))
        add(entry("b", "private", "Private vidéo"))
        add(entry("a"))
        # At any time, not only at the end.
        assert set(read_manifest(tmp_path / "manifest.jsonl")) == {"a", "b"}
    expected = {"a": entry("a"), "b": entry("b", "private", "Private vidéo")}
    assert read_manifest(tmp_path / "manifest.jsonl") == expected
    with open_manifest(tmp_path) as (entries, _):
        assert entries == expected
    assert len((tmp_path / "manifest.jsonl").read_text().splitlines()) == 2


def test_manifest_of_a_killed_process(tmp_path):
    path = tmp_path / "manifest.jsonl"
    with open_manifest(tmp_path) as (_, add):
        add(entry("a"))
        add(entry("b"))
    whole = path.read_text()
    for length in range(len(whole.splitlines()[0]) + 1, len(whole)):
        path.write_text(whole[:length])
        complete = length == len(whole) - 1  # only the line's end is missing
        assert set(read_manifest(path)) == ({"a", "b"} if complete else {"a"})
    path.write_text(whole[:-20])
    with open_manifest(tmp_path) as (_, add):
        add(entry("c"))
    assert set(read_manifest(path)) == {"a", "c"}


@pytest.mark.parametrize(
    "line", ["{", '"there"', '{"video": "x"}', json.dumps(entry("x").__dict__ | {"status": "fine"})]
)
def test_damaged_manifest(tmp_path, line):
    path = tmp_path / "manifest.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(ValueError, match=r"manifest\.jsonl, line 1: not an entry"):
        read_manifest(path)


def test_one_process_at_a_time(tmp_path):
    with (
        open_manifest(tmp_path),
        pytest.raises(ValueError, match="in use by"),
        open_manifest(tmp_path),
    ):
        pass
