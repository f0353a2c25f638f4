"""evaluate --images: numbers from names, given frames, equal frames, frames of another size."""

import json
import shutil

import numpy as np
import pytest
from scenes import sideways_poses, write_frames
from test_compute_tsed import write_sample_spec
from test_image_metrics import grey
from test_page import embedded

from photonvs.commands import compute_tsed
from photonvs.commands.evaluate import main
from photonvs.evaluation.comparisons import frame_numbers
from photonvs.utils.pictures import write_png


@pytest.fixture
def folders(tmp_path):
    """Frames 0 and 4 to 6, the first equal to the true one; true frames are twice as large."""
    for number in (0, 4, 5, 6):
        level = 100 + 10 * number
        write_png(tmp_path / "made" / f"view_{number}.png", grey(level + (number > 0)))
        write_png(tmp_path / "true" / f"view_{number}.png", grey(level, 16))
    return tmp_path


def run(folder, *words):
    main(["--images", f"{folder}/made", "--true", f"{folder}/true", "--metrics", "psnr", *words])
    return json.loads((folder / "evaluation" / "made" / "metrics.json").read_text())


@pytest.mark.parametrize(
    ("stems", "numbers"),
    [
        (["0003", "0010"], [3, 10]),
        (["room1-view3", "room1-view10"], [3, 10]),
        (["first", "second"], [0, 1]),
        (["1", "end"], [0, 1]),
        (["left1", "right2"], [0, 1]),
        (["1", "01"], [0, 1]),
    ],
)
def test_numbers_in_names(stems, numbers):
    assert frame_numbers(stems) == numbers


def test_all_frames_are_generated_unless_told(folders, capsys):
    rows = run(folders)["frames"]
    assert [(row["frame"], row["number"]) for row in rows] == [(0, 1), (4, 2), (5, 3), (6, 4)]
    said = capsys.readouterr().err
    assert "psnr: infinite for 1 pair of equal frames" in said and "frame 0 of made" in said
    assert "true frames resized (their centre squares), pixels: 4 of 16x16 to 8x8" in said


def test_given_frames_are_neither_counted_nor_compared(folders, capsys):
    content = run(folders, "--given", "0", "--short-term", "1")
    assert content["generated"] == 3
    assert [(row["frame"], row["number"]) for row in content["frames"]] == [(4, 1), (5, 2), (6, 3)]
    copied = content["frames"][0]["psnr_of_copying"]
    assert copied == pytest.approx(20 * np.log10(255 / 40)), "of the true frame 0"
    assert "infinite" not in capsys.readouterr().err


def test_equal_frames_of_one_size_are_compared_in_silence(folders, capsys):
    for number in (4, 5, 6):
        write_png(folders / "true" / f"view_{number}.png", grey(0))
    run(folders, "--given", "0")
    assert capsys.readouterr().err == ""


def test_the_page_puts_numbers_where_the_frames_are(tmp_path):
    write_frames(tmp_path / "made", sideways_poses(3), 0.9)
    for number in (2, 1, 0):  # names that count from 1
        (tmp_path / "made" / f"{number:04d}.png").rename(
            tmp_path / "made" / f"view{number + 1}.png"
        )
    shutil.copytree(tmp_path / "made", tmp_path / "true")
    write_png(tmp_path / "true" / "view3.png", grey(9, 96))
    write_sample_spec(tmp_path, sideways_poses(3))
    run(tmp_path)
    spec = tmp_path / "sampling-spec.json"
    compute_tsed.main(["--images", f"{tmp_path}/made", "--poses", str(spec), "--workers", "1"])
    (sequence,) = embedded(tmp_path / "evaluation" / "made" / "report.html")["sequences"]
    assert [row[0] for row in sequence["psnr"]] == [0, 1, 2]
    assert [row[0] for row in sequence["rows"]] == ["1", "2", "3"]


def test_mistakes(folders, capsys):
    with pytest.raises(ValueError, match="made: no frame 1, 2, which --given names; found 0, 4"):
        run(folders, "--given", "1", "2")
    with pytest.raises(ValueError, match="made: --given names all frames"):
        run(folders, "--given", "0", "4", "5", "6")
    with pytest.raises(SystemExit):
        main(["-o", "samples", "--given", "0"])
    assert "--given: expected with --images" in capsys.readouterr().err
