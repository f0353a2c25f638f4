"""Folders of several systems in one call: names, places of results, means of each parent."""

import json
import re
import shutil
from pathlib import Path

import pytest
from scenes import sideways_poses, write_frames
from test_compute_tsed import write_sample_spec

from photonvs.commands.compute_tsed import main
from photonvs.evaluation.folders import groups_of, shortest_names

COUNT = 3
SCENES = ("hall", "kitchen")


def test_names_have_as_few_parts_as_tell_all_apart():
    def names(*places):
        return shortest_names([Path(place) for place in places])

    assert names("/x/ours/a", "/x/ours/b") == ["a", "b"]
    assert names("/x/ours/a", "/x/theirs/a", "/x/ours/b") == ["ours/a", "theirs/a", "ours/b"]
    assert names("/x/s/a", "/y/s/a") == ["x/s/a", "y/s/a"]
    assert names("/a", "/x/a") == ["a", "x/a"]  # none is absolute: results would leave their folder


def test_groups_are_parents_of_more_than_one_folder_each():
    def groups(*places):
        return groups_of([Path(place) for place in places])

    assert groups("/x/s/a", "/x/s/b", "/y/s/a") == ["x/s", "x/s", "y/s"]
    assert groups("/x/ours/a", "/x/ours/b") == ["", ""], "one parent"
    assert groups("/x/a/images", "/x/b/images") == ["", ""], "each has its own parent"


@pytest.fixture
def systems(tmp_path):
    """Two scenes by two systems, the second of which has another path in its frames."""
    write_sample_spec(tmp_path, sideways_poses(COUNT))
    wrong = sideways_poses(COUNT)
    wrong[1, 1, 3] += 0.6
    for system, poses in (("ours", sideways_poses(COUNT)), ("baseline", wrong)):
        write_frames(tmp_path / system / SCENES[0], poses, 0.9)
        shutil.copytree(tmp_path / system / SCENES[0], tmp_path / system / SCENES[1])
    return tmp_path


def score(folder, images, *words, poses=None):
    specs = [str(folder / "sampling-spec.json")] * (poses or len(images))
    fixed = ["--no-page", "--workers", "1", "--poses", *specs]
    main(["--images", *map(str, images), *fixed, *map(str, words)])


def test_nothing_is_overwritten_and_each_system_has_its_means(systems, capsys):
    images = [systems / system / scene for system in ("ours", "baseline") for scene in SCENES]
    words = "--results", systems / "results", "--summary", systems / "summary.json"
    score(systems, images, *words)
    summary = json.loads((systems / "summary.json").read_text())
    tsed_of = {f"{image.parent.name}/{image.name}": None for image in images}
    assert summary["tsed_of"].keys() == tsed_of.keys()
    for name, tsed in summary["tsed_of"].items():
        report = json.loads((systems / "results" / name / "tsed.json").read_text())
        assert report["tsed"] == tsed == (1 if name.startswith("ours") else 0)
    means = {name: mean["tsed"]["mean"] for name, mean in summary["means_of"].items()}
    assert means == {"ours": 1, "baseline": 0}
    printed = capsys.readouterr().out
    assert re.search(r"^ours/kitchen +1\.000", printed, re.MULTILINE)
    assert "mean TSED of baseline: 0.000 over 2 sequences" in printed
    assert "mean TSED:" not in printed, "no mean over different systems"


def test_results_of_a_former_call_are_no_frames(systems, capsys):
    """What a shell makes of ours/*, with one file of cameras for each scene or for each folder."""
    score(systems, sorted((systems / "ours").iterdir()))
    everything = sorted((systems / "ours").iterdir())
    assert [path.name for path in everything] == ["evaluation", *SCENES]
    capsys.readouterr()
    for poses in (len(SCENES), len(everything)):
        score(systems, everything, poses=poses)
        printed = capsys.readouterr()
        left_out = f"left out: {systems / 'ours' / 'evaluation'} holds results and no frames\n"
        assert printed.err.startswith(left_out)
        assert re.findall(r"^(\w+) +1\.000", printed.out, re.MULTILINE) == list(SCENES)


def test_results_beside_frames_or_alone_are_taken_as_they_are(systems, capsys):
    odd = systems / "ours" / "evaluation"
    shutil.copytree(systems / "ours" / "hall", odd)
    score(systems, [odd, systems / "ours" / "hall"])
    assert re.search(r"^evaluation +1\.000", capsys.readouterr().out, re.MULTILINE)
    with pytest.raises(ValueError, match="incomplete: 1 of 1"):
        score(systems, [systems / "ours"])
