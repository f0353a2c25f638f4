"""Sampling specifications, given images, conditioning rules."""

import copy
import json
import math

import numpy as np
import pytest
from clips import clip_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import random_poses

from photonvs.cameras import paths as presets
from photonvs.cameras.conditioning import conditioning
from photonvs.cameras.spec import SamplingSpec, read_spec, spec_text, write_spec
from photonvs.samples import Sample

RULES = st.one_of(
    st.sampled_from(["previous", "all"]),
    st.builds("{}-{}".format, st.sampled_from(["last", "keyframes"]), st.integers(1, 30)),
)


def spec_of(
    poses: np.ndarray,
    rule: str = "previous",
    given_frames: tuple[int, ...] = (0,),
    focal_y: float = 0.9,
) -> SamplingSpec:
    return SamplingSpec(focal_y, poses, *conditioning(len(poses), rule, given_frames))


def content(frames: int = 4) -> dict:
    """A good specification as JSON values: pose 0 given, each other one on the pose before."""
    return json.loads(spec_text(spec_of(presets.orbit(frames))))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12), RULES, st.floats(0.05, 19))
def test_a_specification_survives_writing_and_reading_bit_for_bit(
    tmp_path_factory, seed, count, rule, focal_y
):
    spec = spec_of(random_poses(seed, count), rule, focal_y=focal_y)
    path = tmp_path_factory.mktemp("spec") / "sampling-spec.json"
    write_spec(path, spec)
    again = read_spec(path)
    assert (again.focal_y, again.generation_order, again.dependencies) == (
        focal_y,
        spec.generation_order,
        spec.dependencies,
    )
    assert again.poses.dtype == np.float64 and np.array_equal(again.poses, spec.poses)
    assert set(json.loads(path.read_text())) == {
        "focal_y",
        "poses",
        "generation_order",
        "dependencies",
    }


def test_float32_rounded_poses_integers_and_a_byte_order_mark_are_read(tmp_path):
    spec = content()
    spec["poses"] = np.array(spec["poses"], dtype=np.float32).tolist()
    spec["poses"][0] = np.eye(4, dtype=int).tolist()
    spec["focal_y"] = 1
    (tmp_path / "spec.json").write_text("\ufeff" + json.dumps(spec), encoding="utf-8")
    assert read_spec(tmp_path / "spec.json").given == (0,)


def test_a_specification_as_the_published_code_writes_it_is_read(tmp_path):
    """One line of JSON: float32 poses with z up, keys in the order of the published example."""
    poses = clip_of("rm_Kitchen1").truth["camera_to_world"][:21].astype(np.float32)
    content = {
        "focal_y": 0.9122679829597473,
        "poses": poses.tolist(),
        "dependencies": [None, *([index] for index in range(20))],
        "generation_order": list(range(1, 21)),
    }
    (tmp_path / "sampling-spec.json").write_text(json.dumps(content))
    photo = tmp_path / "init-ims" / "0000.png"
    photo.parent.mkdir()
    photo.write_bytes(b"")
    spec = read_spec(tmp_path / "sampling-spec.json")
    np.testing.assert_array_equal(spec.poses, poses)
    assert (spec.focal_y, spec.given) == (0.9122679829597473, (0,))
    assert spec.generation_order == tuple(range(1, 21))
    assert spec.dependencies == (None, *((index,) for index in range(20)))
    assert Sample(tmp_path).given_images(spec) == {0: photo}


def changed(path: str, value: object) -> dict:
    """A good specification with one value changed, or removed where `value` is KeyError.

    path: where the value is, such as poses/2/0/1.
    """
    spec = content()
    *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    place = spec
    for part in parents:
        place = place[part]
    if value is KeyError:
        del place[last]
    else:
        place[last] = value
    return spec


SHEARED = [[1.0, 0.1, 0, 0], [0, 1.0, 0, 0], [0, 0, 1.0, 0], [0, 0, 0, 1]]
SCALED = (np.diag([1.1, 1.1, 1.1, 1])).tolist()
TRANSPOSED = presets.truck(2, distance=2)[1].T.tolist()
BAD = [
    (
        "focal_y",
        KeyError,
        ["no focal_y", "expected exactly focal_y, poses, generation_order, dependencies"],
    ),
    ("generation_oder", [1], ["unknown generation_oder"]),
    ("focal_y", "0.9", ['focal_y: "0.9"', "expected a finite number"]),
    ("focal_y", True, ["focal_y: true", "expected a finite number"]),
    ("focal_y", 0, ["focal_y is 0", "above 0"]),
    ("focal_y", -0.9, ["focal_y is -0.9", "above 0"]),
    ("focal_y", 249.0, ["focal_y is 249", "pixels"]),
    ("focal_y", math.nan, ["focal_y: NaN", "finite"]),
    ("focal_y", 10**400, ["focal_y: Infinity", "finite"]),
    ("poses", 3, ["poses: 3", "expected a list"]),
    ("poses", [], ["n at least 1"]),
    ("poses/2", None, ["pose 2: null", "4 rows of 4 numbers"]),
    ("poses/2/3", KeyError, ["pose 2: rows of 4, 4, 4 numbers", "4 rows of 4 numbers"]),
    ("poses/2/1", [0, 1, 0], ["pose 2: rows of 4, 3, 4, 4 numbers"]),
    ("poses/2/1/1", "1", ['pose 2: "1"', "expected a finite number"]),
    ("poses/2/0/3", math.inf, ["pose 2: Infinity", "finite"]),
    ("poses/2/0/0", 1e300, ["pose 2", "not a rotation"]),
    ("poses/2/3/3", 0.5, ["pose 2: the last row is 0 0 0 0.5", "expected 0 0 0 1"]),
    ("poses/2", TRANSPOSED, ["pose 2: the last row is 2 0 0 1", "translation in the last column"]),
    ("poses/2", SCALED, ["pose 2", "is scaled by 1.1", "expected no scale"]),
    ("poses/2", SHEARED, ["pose 2", "differs from the identity by 0.1", "at most 0.001"]),
    ("poses/2", np.diag([1, 1, -1, 1]).tolist(), ["pose 2", "mirrors (determinant -1)"]),
    ("generation_order", {"1": 2}, ["generation_order", "expected a list"]),
    ("generation_order/1", 2.0, ["generation_order: 2.0", "integers"]),
    ("generation_order/1", True, ["generation_order: true", "integers"]),
    ("generation_order/1", 4, ["generation_order: 4 is not a pose", "from 0 to 3"]),
    ("generation_order/1", -1, ["generation_order: -1 is not a pose"]),
    ("generation_order", [1, 2, 3, 2], ["generation_order: pose 2 is listed more than once"]),
    ("generation_order", [1, 2], ["generation_order: pose 3 not in it and not given"]),
    ("generation_order", [0, 1, 2, 3], ["generation_order: pose 0 is given"]),
    ("generation_order", [2, 1, 3], ["dependencies of pose 2: pose 1 is generated after it"]),
    ("dependencies", None, ["dependencies: null", "expected a list"]),
    ("dependencies", [None, [0], [1]], ["dependencies has 3 entries for 4 poses"]),
    ("dependencies/0", [1], ["no pose is given", "expected null"]),
    ("dependencies/2", [], ["dependencies of pose 2: empty", "at least one"]),
    ("dependencies/2", 1, ["dependencies of pose 2: 1", "expected a list"]),
    ("dependencies/2", ["1"], ['dependencies of pose 2: "1"', "integers"]),
    ("dependencies/2", [9], ["dependencies of pose 2: 9 is not a pose"]),
    ("dependencies/2", [-1], ["dependencies of pose 2: -1 is not a pose"]),
    ("dependencies/2", [2], ["dependencies of pose 2: 2 is the pose itself"]),
    ("dependencies/2", [1, 3], ["dependencies of pose 2: pose 3 is generated after it"]),
    ("dependencies/2", [1, 1], ["dependencies of pose 2: pose 1 is listed more than once"]),
]


@pytest.mark.parametrize(("where", "value", "expected"), BAD)
def test_a_mistake_is_named_in_one_line(tmp_path, where, value, expected):
    path = tmp_path / "sampling-spec.json"
    path.write_text(json.dumps(changed(where, value)))
    with pytest.raises(ValueError) as caught:
        read_spec(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    assert all(part in message for part in expected), message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"focal_y": 0.9,\n "poses": }', ["not JSON", "line 2, column 11"]),
        (b"\xff\xfe", ["no UTF-8 text", "JSON"]),
        (b"[" * 100_000, ["not JSON"]),
        (b"[1, 2]", ["found [1, 2]", "expected an object"]),
    ],
)
def test_what_is_not_json_or_no_object_is_named(tmp_path, text, expected):
    path = tmp_path / "spec.json"
    path.write_bytes(text)
    with pytest.raises(ValueError) as caught:
        read_spec(path)
    assert all(part in str(caught.value) for part in [str(path), *expected])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"spec\.json: no such file"):
        read_spec(tmp_path / "spec.json")


def test_a_rotation_may_be_off_by_rounding_only():
    poses = presets.orbit(3)
    nearly = copy.deepcopy(poses)
    nearly[1, :3, :3] *= 1 + 4e-4  # |R^T R - I| = 8e-4
    spec_of(nearly)
    nearly[1, :3, :3] *= 1 + 2e-4
    with pytest.raises(ValueError, match="pose 1: .* not a rotation"):
        spec_of(nearly)


# --- given images


def images_in(directory, *names):
    (directory / "init-ims").mkdir(exist_ok=True)
    for name in names:
        (directory / "init-ims" / name).write_bytes(b"picture")


def test_given_images_are_found_whatever_their_format(tmp_path):
    images_in(tmp_path, "0000.png", "0002.JPEG", ".DS_Store", "notes.txt", "photo.png")
    found = Sample(tmp_path).given_images(spec_of(presets.orbit(4), given_frames=(0, 2)))
    assert found == {0: tmp_path / "init-ims" / "0000.png", 2: tmp_path / "init-ims" / "0002.JPEG"}


@pytest.mark.parametrize(
    ("names", "error", "expected"),
    [
        (["0000.png"], FileNotFoundError, "no 0002.png, 0003.png"),
        (
            ["0000.png", "0000.jpg", "0002.png", "0003.png"],
            ValueError,
            "both 0000.jpg and 0000.png for pose 0",
        ),
        (
            ["0000.png", "0001.png", "0002.png", "0003.png"],
            ValueError,
            "0001.png: pose 1 is not given",
        ),
    ],
)
def test_missing_double_and_unused_images_are_named(tmp_path, names, error, expected):
    images_in(tmp_path, *names)
    with pytest.raises(error) as caught:
        Sample(tmp_path).given_images(spec_of(presets.orbit(4), given_frames=(0, 2, 3)))
    assert expected in str(caught.value)


def test_a_missing_image_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"init-ims: no 0000\.png"):
        Sample(tmp_path).given_images(spec_of(presets.orbit(4)))


# --- conditioning rules


@pytest.mark.parametrize(
    ("rule", "given_frames", "order", "dependencies"),
    [
        ("previous", (0,), (1, 2, 3, 4), (None, (0,), (1,), (2,), (3,))),
        ("previous", (0, 3), (1, 2, 4), (None, (0,), (1,), None, (3,))),
        ("last-2", (0,), (1, 2, 3, 4), (None, (0,), (0, 1), (1, 2), (2, 3))),
        ("all", (0,), (1, 2, 3, 4), (None, (0,), (0, 1), (0, 1, 2), (0, 1, 2, 3))),
        ("keyframes-2", (0,), (2, 4, 1, 3), (None, (0, 2), (0,), (2, 4), (2,))),
        ("keyframes-3", (0,), (3, 4, 1, 2), (None, (0, 3), (0, 3), (0,), (3,))),
        ("keyframes-9", (0, 4), (1, 2, 3), (None, (0, 4), (0, 4), (0, 4), None)),
    ],
)
def test_rules_give_the_order_and_dependencies_they_promise(
    rule, given_frames, order, dependencies
):
    assert conditioning(5, rule, given_frames) == (order, dependencies)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 25), RULES, st.data())
def test_every_rule_gives_a_valid_specification(frames, rule, data):
    given_frames = {0, *data.draw(st.sets(st.integers(0, frames - 1), max_size=4))}
    # Its construction checks it.
    spec = spec_of(random_poses(frames, frames), rule, tuple(given_frames))
    assert spec.given == tuple(sorted(given_frames))


@pytest.mark.parametrize(
    "rule",
    ["", "before", "last", "last-0", "last--1", "keyframes-x", "all-2", "previous-1", "last-2 "],
)
def test_unknown_rules_are_refused(rule):
    with pytest.raises(ValueError, match="expected previous, last-K, all or keyframes-K"):
        conditioning(5, rule)


@pytest.mark.parametrize("given_frames", [(), (1,), (0, 5), (0, 0), (0, -1)])
def test_impossible_given_frames_are_refused(given_frames):
    with pytest.raises(ValueError, match="from 0 to 4, 0 among them"):
        conditioning(5, "previous", given_frames)
