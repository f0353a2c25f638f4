"""A run is scored with the path that it was made for, whatever path the sample has by now."""

import json
import shutil

import numpy as np
import pytest
from scenes import sideways_poses, write_frames
from test_compute_tsed import write_sample_spec

from photonvs.commands import compute_tsed, draw_epipolar, evaluate
from photonvs.evaluation import epipolar
from photonvs.evaluation.validation import _tsed
from photonvs.samples import Sample

COUNT = 4


@pytest.fixture
def instance_data(tmp_path):
    """samples/old, whose path was replaced after its run was made, and samples/same."""
    other = sideways_poses(COUNT)
    other[1::2, 1, 3] += 0.5
    for name, present in (("old", other), ("same", sideways_poses(COUNT))):
        sample = Sample(tmp_path / "samples" / name)
        run = sample.run(0)
        write_frames(run.images, sideways_poses(COUNT), 0.9)
        write_sample_spec(run.folder, sideways_poses(COUNT))
        write_sample_spec(sample.directory, present)
        shutil.copytree(run.images, sample.true_folder)
        sample.given_folder.mkdir()
        shutil.copy(run.image(0), sample.given_folder)
    return tmp_path


def call(command, instance_data, *words):
    command.main([*words, "--instance-data", str(instance_data)])


def test_tsed_and_the_page(instance_data):
    call(compute_tsed, instance_data, "-o", "samples", "--workers", "1")
    for name, true_frames in (("old", 0), ("same", COUNT)):
        results = Sample(instance_data / "samples" / name).run(0).results
        assert json.loads(results.tsed.read_text())["tsed"] == 1
        assert results.page.read_text().count('"true":"data:image') == true_frames


def test_a_broken_path_of_a_sample_stops_no_other(instance_data):
    (instance_data / "samples" / "old" / "sampling-spec.json").write_text("{")
    call(compute_tsed, instance_data, "-o", "samples", "--workers", "1")
    for name in ("old", "same"):
        assert Sample(instance_data / "samples" / name).run(0).results.page.is_file()


def test_photos_of_another_path_do_not_stand_for_given_frames(instance_data, capsys):
    words = ["-o", "samples", "--first-frame", "original", "--no-page", "--workers", "1"]
    with pytest.raises(ValueError, match="incomplete: 1 of 2"):
        call(compute_tsed, instance_data, *words)
    assert "old/00000000: not scored:" in (said := capsys.readouterr().err)
    assert "made for another path" in said


def test_the_drawing(instance_data, monkeypatch):
    draw_pair, asked = epipolar.draw_pair, []
    monkeypatch.setattr(epipolar, "draw_pair", lambda *all: asked.append(all) or draw_pair(*all))
    call(draw_epipolar, instance_data, "-o", "samples/old")
    (_, (_, second), *_) = asked[0]
    np.testing.assert_allclose(second.pose, sideways_poses(COUNT)[1])


def test_validation(instance_data):
    assert _tsed(Sample(instance_data / "samples" / "old").run(0)) == 1


def test_evaluate_refuses_it_and_the_others_come(instance_data, capsys):
    with pytest.raises(ValueError, match="incomplete: 1 thing left out"):
        call(evaluate, instance_data, "-o", "samples", "--metrics", "psnr")
    printed = capsys.readouterr()
    assert "samples/old/samples/00000000: made for another path" in printed.err
    assert "--run 1" in printed.err
    assert "same/00000000: to the true frame" in printed.out and "old/0" not in printed.out
    with pytest.raises(FileNotFoundError, match="made for another path"):
        call(evaluate, instance_data, "-o", "samples/old", "--metrics", "psnr")


def test_another_form_of_the_same_path_is_no_other_path(instance_data):
    spec = instance_data / "samples" / "same" / "sampling-spec.json"
    spec.write_text(json.dumps(json.loads(spec.read_text())))
    call(evaluate, instance_data, "-o", "samples/same", "--metrics", "psnr")
