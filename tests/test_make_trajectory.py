"""The command that writes camera paths."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from numbered_video import write_numbered_video
from repository import ROOT, SCRIPTS
from scenes import write_realestate10k_text

from photonvs.cameras import paths as presets
from photonvs.cameras.conditioning import conditioning
from photonvs.cameras.spec import read_spec
from photonvs.commands.make_trajectory import main
from photonvs.datasets.video import crop_and_resize, read_frames
from photonvs.samples import Sample
from photonvs.utils.images import read_frame
from photonvs.utils.pictures import png_bytes

CUSTOM = ROOT / "custom-trajectories"


def photo_bytes(grey):
    """A small picture as a file's content."""
    return png_bytes(np.full((8, 8, 3), grey, np.uint8))


WIDE = {  # the sizes of custom-trajectories/, of which orbit, spin and hop are the paper's
    "orbit": ["--radius", "2", "--angle", "90"],
    "spin": ["--radius", "0.5"],
    "hop": ["--radius", "1"],
    "dolly": ["--distance", "2"],
    "truck": ["--distance", "2"],
    "pedestal": ["--distance", "1"],
    "spiral": ["--radius", "0.5", "--distance", "1"],
    "pan": [],
    "tilt": [],
}


@pytest.mark.parametrize("name", sorted(presets.PRESETS))
def test_custom_trajectories_are_what_the_command_writes(name, tmp_path):
    main([name, *WIDE[name], "--frames", "10", "--json", str(tmp_path / "spec.json")])
    shipped, written = read_spec(CUSTOM / f"{name}.json"), read_spec(tmp_path / "spec.json")
    # The last rounded decimal may differ.
    np.testing.assert_allclose(shipped.poses, written.poses, rtol=0, atol=2e-12)
    assert shipped.focal_y == written.focal_y == presets.PAPER_FOCAL_Y
    assert (shipped.generation_order, shipped.dependencies) == (
        written.generation_order,
        written.dependencies,
    )


def test_every_shipped_trajectory_has_a_preset():
    assert sorted(path.stem for path in CUSTOM.glob("*.json")) == sorted(presets.PRESETS)


def test_a_sample_gets_its_specification_and_images(tmp_path, capsys):
    first, second = photo_bytes(1), photo_bytes(2)
    (tmp_path / "a.PNG").write_bytes(first)
    (tmp_path / "b.jpg").write_bytes(second)
    images = [str(tmp_path / "b.jpg"), str(tmp_path / "a.PNG")]
    command = [
        "orbit",
        "-o",
        "samples/room",
        "--instance-data",
        str(tmp_path),
        "--frames",
        "6",
        "--radius",
        "3",
    ]
    main([*command, "--image", *images, "--given", "5", "0", "--condition", "keyframes-2"])
    sample = tmp_path / "samples" / "room"
    spec = read_spec(sample / "sampling-spec.json")
    assert np.array_equal(spec.poses, presets.orbit(6, radius=3)) and spec.given == (0, 5)
    assert spec.dependencies == conditioning(6, "keyframes-2", (0, 5))[1]
    found = Sample(sample).given_images(spec)
    assert {index: path.name for index, path in found.items()} == {0: "0000.png", 5: "0005.jpg"}
    assert [path.read_bytes() for path in found.values()] == [first, second]
    assert "6 frames, given: 0, 5; path length 1.57" in capsys.readouterr().out


def test_a_video_gives_the_given_and_the_true_images(tmp_path):
    video, text = tmp_path / "tour.mp4", tmp_path / "0123456789abcdef.txt"
    write_numbered_video(video, range(0, 30 * 512, 512))
    write_realestate10k_text(text, presets.truck(10, distance=0.9))
    command = [
        "realestate10k",
        "--sequence",
        str(text),
        "--frames",
        "4",
        "--start",
        "1",
        "--every",
        "2",
    ]
    main([*command, "--video", str(video), "-o", "samples/tour", "--instance-data", str(tmp_path)])
    sample = tmp_path / "samples" / "tour"
    expected = crop_and_resize(read_frames(video, [100_000, 300_000, 500_000, 700_000]))
    for index, frame in enumerate(expected):
        assert np.array_equal(read_frame(sample / "true-ims" / f"{index:04d}.png"), frame)
    main(
        [
            *command,
            "--return-trip",
            "--video",
            str(video),
            "-o",
            "samples/back",
            "--instance-data",
            str(tmp_path),
        ]
    )
    there, sample = read_spec(sample / "sampling-spec.json").poses, tmp_path / "samples" / "back"
    assert np.array_equal(
        read_spec(sample / "sampling-spec.json").poses, there[[0, 1, 2, 3, 2, 1, 0]]
    )
    for index, frame in enumerate(expected[[0, 1, 2, 3, 2, 1, 0]]):
        assert np.array_equal(read_frame(sample / "true-ims" / f"{index:04d}.png"), frame)
    given = Sample(sample).given_images(read_spec(sample / "sampling-spec.json"))
    assert list(given) == [0] and np.array_equal(read_frame(given[0]), expected[0])


def test_nothing_is_replaced_without_force(tmp_path):
    photo, other = tmp_path / "photo.png", tmp_path / "other.jpg"
    photo.write_bytes(photo_bytes(1))
    other.write_bytes(photo_bytes(2))
    sample = tmp_path / "samples" / "room"

    def state():
        return {path.name: path.read_bytes() for path in sample.rglob("*") if path.is_file()}

    def write(*arguments):
        main(
            [
                arguments[0],
                "-o",
                "samples/room",
                "--instance-data",
                str(tmp_path),
                *map(str, arguments[1:]),
            ]
        )

    write("orbit", "--image", photo)
    before = state()
    write("orbit", "--image", photo)  # the same again is fine
    for arguments in [("dolly",), ("orbit", "--image", other), ("spin", "--image", other)]:
        with pytest.raises(ValueError, match="--force"):
            write(*arguments)
        assert state() == before
    write("dolly", "--image", other, "--force")
    assert sorted(state()) == ["0000.jpg", "sampling-spec.json"] and state()[
        "0000.jpg"
    ] == photo_bytes(2)
    target = tmp_path / "spec.json"
    target.write_text("mine")
    with pytest.raises(ValueError, match=r"spec\.json: exists with another content"):
        main(["orbit", "--json", str(target)])
    assert target.read_text() == "mine"


def test_without_an_image_the_command_says_where_it_belongs(tmp_path, capsys):
    main(["pan", "-o", "samples/room", "--instance-data", str(tmp_path)])
    assert (
        f"put the given image into {tmp_path / 'samples' / 'room' / 'init-ims'} as 0000.png"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--image", "missing.png"], "missing.png: no such image file"),
        (["--image", "text.txt"], "text.txt: expected an image file"),
        (["--image", "a.png", "a.png"], "2 images for 1 given frames"),
        (["--field-of-view", "180"], "less than 180 degrees"),
        (["--focal-y", "0"], "focal_y is 0"),
        (["--frames", "0"], "0 frames; expected at least 2"),
        (["--angle", "nan"], "--angle nan: expected a finite number"),
        (["--image", "text.png"], "text.png: cannot be read"),
    ],
)
def test_bad_arguments_leave_nothing_behind(tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    for name in ("text.txt", "text.png"):
        (tmp_path / name).write_text("no picture")
    (tmp_path / "a.png").write_bytes(photo_bytes(1))
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        main(["orbit", "-o", "samples/room", "--instance-data", str(tmp_path), *arguments])
    assert expected in str(caught.value)
    assert not (tmp_path / "samples").exists()


@pytest.mark.parametrize(
    "arguments",
    [["orbit"], ["orbit", "--json", "x", "--image", "a.png"], [], ["zoom", "--json", "x"]],
)
def test_commands_that_mean_nothing_are_usage_errors(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2 and "usage:" in capsys.readouterr().err


def test_a_sequence_keeps_its_focal_length_unless_told(tmp_path, capsys):
    write = [
        "matrices",
        str(tmp_path / "path.json"),
        "--json",
        str(tmp_path / "spec.json"),
        "--force",
    ]
    main(["dolly", "--distance", "2", "--frames", "11", "--focal-y", "0.7", *write[2:3], write[1]])
    assert (
        "11 frames, given: 0; path length 2, largest step 0.2 and 0 degrees"
        in capsys.readouterr().out
    )
    main(write)
    assert read_spec(tmp_path / "spec.json").focal_y == 0.7
    main([*write, "--field-of-view", "90"])
    # Half the height is as long as the focal length.
    assert read_spec(tmp_path / "spec.json").focal_y == pytest.approx(0.5)


def test_a_realestate10k_path_is_written(tmp_path):
    text = write_realestate10k_text(tmp_path / "0123.txt", presets.truck(7, distance=3), (0.6, 1.2))
    command = [
        "realestate10k",
        "--sequence",
        str(text),
        "--every",
        "3",
        "--frames",
        "3",
    ]
    main([*command, "--json", str(tmp_path / "spec.json")])
    spec = read_spec(tmp_path / "spec.json")
    np.testing.assert_allclose(
        spec.poses[:, :3, 3], [[0, 0, 0], [1.5, 0, 0], [3, 0, 0]], atol=1e-12
    )
    assert spec.focal_y == 1.2


def test_the_path_is_drawn(tmp_path):
    main(["hop", "--plot", str(tmp_path / "hop.png")])
    picture = cv2.imread(str(tmp_path / "hop.png"))
    assert picture.shape[0] > 400 and picture.std() > 5
    main(["pan", "--plot", str(tmp_path / "pan.svg")])  # in place: all cameras at one point
    assert "seen from above" in (tmp_path / "pan.svg").read_text()


def test_the_script_prints_one_line_for_a_mistake(tmp_path):
    script = SCRIPTS / "make-trajectory.py"
    command = [sys.executable, script, "orbit", "--frames", "1", "--json", "spec.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    message = "make-trajectory.py: error: 1 frames; expected at least 2, the given one included\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message)
