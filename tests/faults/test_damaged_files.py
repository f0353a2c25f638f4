"""Damaged files of every kind are read right, or refused in one line that names them."""

import os
import random
import shutil

import pytest
from formats import KINDS
from mutants import lengths, mutants
from readings import read_all

# Of each kind.
CUTS = 12
MUTANTS = int(os.environ.get("MUTANTS", 15))


@pytest.fixture
def whole(request, world, tmp_path):
    """A kind's whole file, and its content."""
    folder = tmp_path / "files"
    folder.mkdir()
    path = request.param.make(world, folder)
    return request.param, path, path.read_bytes()


def report(faults, kept):
    """The faulty copies, each with a file of its own to look at."""
    lines = []
    for reading, content in faults:
        kept.mkdir(exist_ok=True)
        place = kept / f"{reading.number:03d}"
        place.write_bytes(content)
        lines.append(f"{place}: {reading.fault}")
    return "\n".join(lines)


by_kind = pytest.mark.parametrize("whole", KINDS.values(), ids=KINDS, indirect=True)


@by_kind
def test_truncated(whole, tmp_path, counts, seed):
    kind, path, content = whole
    copies = [content, *(content[:n] for n in lengths(len(content), random.Random(seed), CUTS))]
    first, *rest = read_all(kind, path, copies, tmp_path)
    assert first.fault is None and first.content is not None, "the whole file is not read"
    counts["truncations"] += len(rest)
    faults = [(one, copies[one.number]) for one in rest if one.fault]
    assert not faults, report(faults, tmp_path / "faults")
    if not (kind.parts or kind.remade):
        wrong = [one.number for one in rest if one.content not in (None, first.content)]
        assert not wrong, f"read as something else when cut to {[len(copies[n]) for n in wrong]}"
    if kind.remade and not kind.parts:
        assert all(one.content == first.content for one in rest), "not made again"


@by_kind
def test_mutants(whole, tmp_path, counts, seed, request):
    kind, path, content = whole
    source = random.Random(f"{seed} {request.node.name}")
    copies = list(mutants(content, source, MUTANTS))
    readings = list(read_all(kind, path, copies, tmp_path))
    counts["mutants"] += len(readings)
    counts["mutants read"] += sum(one.content is not None for one in readings)
    faults = [(one, copies[one.number]) for one in readings if one.fault]
    assert not faults, report(faults, tmp_path / "faults")
    shutil.rmtree(path.parent)
