"""T_error scales with the frames' height: the command, training's validation, the drawing."""

import json
import re

from scenes import sideways_poses, write_frames
from test_compute_tsed import write_sample_spec

from photonvs.cameras.files.reading import read_cameras
from photonvs.commands.compute_tsed import main
from photonvs.evaluation.epipolar import draw_pair
from photonvs.evaluation.matching import SiftMatcher
from photonvs.evaluation.validation import _tsed
from photonvs.samples import Sample

COUNT = 4


def add_run(folder, size, error):
    """A run whose frames have another camera than the specification says, at every second pose."""
    poses = sideways_poses(COUNT)
    wrong = poses.copy()
    wrong[1::2, 1, 3] += error
    write_sample_spec(folder, wrong)
    write_frames(folder / "samples" / "00000000" / "images", poses, 0.9, size)
    return Sample(folder).run(0)


def read(run):
    return json.loads(run.results.tsed.read_text())


def test_each_sequence_has_its_own_unless_one_is_given(tmp_path, capsys):
    """The same cameras, slightly wrong, seen at two sizes: one verdict."""
    sizes = {"small": (128, 128), "large": (256, 192)}
    runs = [add_run(tmp_path / "samples" / name, size, 0.012) for name, size in sizes.items()]
    fixed = ["--instance-data", str(tmp_path), "--workers", "1", "--no-page"]
    main(["-o", "samples", *fixed])
    printed = capsys.readouterr().out
    assert re.search(r"^large/00000000 .* 2$", printed, re.MULTILINE)
    assert re.search(r"^small/00000000 .* 1$", printed, re.MULTILINE)
    found = [read(run) for run in runs]
    assert [report["t_error"] for report in found] == [1, 2]
    medians = [report["mean_median_sed"] for report in found]
    assert medians[0] < 1 < medians[1] and [report["tsed"] for report in found] == [1, 1]
    main(["-o", "samples/large", "--t-error", "1", *fixed])
    assert "T_error 1 pixels" in capsys.readouterr().out
    assert (read(runs[1])["t_error"], read(runs[1])["tsed"]) == (1, 0)


def test_that_of_validation(tmp_path):
    run = add_run(tmp_path / "wrong", (128, 128), 0.024)
    assert _tsed(run) == 0, "medians are between 1 and 2 pixels"


def test_the_scale_of_colours(tmp_path):
    run = add_run(tmp_path / "plane", (64, 64), 0)
    cameras = read_cameras(run.spec_file)
    figure = draw_pair((run.image(0), run.image(1)), tuple(cameras[:2]), SiftMatcher())
    colours = [drawn.get_clim() for drawn in figure.axes[0].collections]
    assert colours == [(0, 1), (0, 1)], "twice T_error, 0.5 pixels"
