"""The made-up rooms: exact geometry, steady colours, repeatable clips, RealEstate10K's files."""

import shutil
from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from photonvs.cameras.geometry import OPENCV_TO_BLENDER, from_realestate10k, intrinsic_matrix
from photonvs.commands.make_rooms import main
from photonvs.datasets.rooms import clips, render, textures
from photonvs.datasets.rooms.clips import Clip, make_clip, make_scene
from photonvs.datasets.rooms.materials import Material
from photonvs.datasets.rooms.render import Renderer, blocked
from photonvs.datasets.rooms.scene import Box, Room, furnish
from photonvs.datasets.rooms.textures import texture
from photonvs.datasets.rooms.walk import camera_path, clearance

PLAIN = Material((0.5, 0.5, 0.5))
SIZE = 90, 160  # height, width
CLIP = Clip("train", 0, 0, 6, Fraction(30))


def look(position: tuple[float, float, float], target: tuple[float, float, float]) -> np.ndarray:
    """The level camera at `position` that looks at `target`."""
    back = np.subtract(position, target) / np.linalg.norm(np.subtract(position, target))
    right = np.cross([0, 0, 1], back)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(back, right), back, position], axis=1)
    return pose


def pixel_rays(pose: np.ndarray, focal_y: float, size: tuple[int, int]) -> np.ndarray:
    """World directions through the pixel centres, of length 1 along the optical axis, (height, width, 3)."""
    y, x = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5, indexing="ij")
    pixels = np.stack([x, y, np.ones_like(x)], axis=-1)
    return (
        pixels
        @ np.linalg.inv(intrinsic_matrix(focal_y, size)).T
        @ (pose @ OPENCV_TO_BLENDER)[:3, :3].T
    )


def ray_depth(room: Room, pose: np.ndarray, focal_y: float, size: tuple[int, int]) -> np.ndarray:
    """Depth (height, width) by cutting each ray with each box, in float64: independent of how the renderer does it."""
    origin, rays = pose[:3, 3], pixel_rays(pose, focal_y, size)
    bounds = np.stack([-room.size, room.size]) / 2
    bounds[:, 2] += room.size[2] / 2
    with np.errstate(divide="ignore"):
        depth = ((bounds[:, None, None] - origin) / rays).max(0).min(-1)  # the shell, from inside
        for box in room.boxes:
            start, ray = (origin - box.centre) @ box.rotation(), rays @ box.rotation()
            near = ((-np.sign(ray) * box.size / 2 - start) / ray).max(-1)
            far = ((np.sign(ray) * box.size / 2 - start) / ray).min(-1)
            depth = np.where((near < far) & (near > 0), np.minimum(depth, near), depth)
    return depth


@pytest.fixture(autouse=True, scope="module")
def coarse_textures():
    """Textures and light with fewer samples, so that a room is ready sooner; the geometry is not affected."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(textures, "TEXELS", 80)
        patch.setattr(render, "LIGHT_TEXELS", 4)
        yield


@pytest.fixture(scope="module")
def scene() -> tuple[Room, np.ndarray, float, Renderer]:
    room, poses, focal_y = make_scene(replace(CLIP, frames=60))
    return room, poses, focal_y, Renderer(room, 0)


def test_depth_of_a_furnished_room_is_that_of_its_boxes(scene):
    room, poses, focal_y, renderer = scene
    _, depth = renderer.render(poses[0], focal_y, SIZE)
    samples = 1 / ray_depth(
        room, poses[0], focal_y, (2 * SIZE[0], 2 * SIZE[1])
    )  # a pixel has the mean of its four samples
    expected = 1 / samples.reshape(SIZE[0], 2, SIZE[1], 2).mean((1, 3))
    assert np.ptp(expected) > 1
    assert (
        np.abs(depth / expected - 1) < 1e-4
    ).mean() > 0.999  # the rest: samples on the very edge of a box


def test_edges_of_a_turned_box_are_where_its_corners_project():
    box = Box(np.array([0.3, 0.2, 1.2]), np.array([0.6, 0.5, 0.7]), 0.5, PLAIN)
    pose = look((-0.5, -2.5, 1.4), (0.2, 0.2, 1.3))
    with_box, empty = (
        Renderer(Room(np.array([6.0, 6.0, 3.0]), [PLAIN] * 6, boxes), 0).render(
            pose, 1.0, (360, 640)
        )[1]
        for boxes in ([box], [])
    )
    corners = np.array(
        [[x, y, z] for x in (-0.3, 0.3) for y in (-0.25, 0.25) for z in (-0.35, 0.35)]
    )
    corners = (
        np.linalg.inv(pose @ OPENCV_TO_BLENDER)[:3]
        @ np.c_[corners @ box.rotation().T + box.centre, np.ones(8)].T
    )
    pixels = (intrinsic_matrix(1.0, (360, 640)) @ corners)[:2] / corners[2]
    rows, columns = np.nonzero(with_box < empty - 0.01)
    found = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    np.testing.assert_allclose(
        found, (pixels[0].min(), pixels[0].max(), pixels[1].min(), pixels[1].max()), atol=1.0
    )


@pytest.mark.parametrize("j", [10, 25])
def test_a_point_keeps_its_colour_in_another_view(scene, j):
    """Frame i, each pixel moved by depth and poses, shows frame j's colours."""
    _, poses, focal_y, renderer = scene
    i, size = 0, (180, 320)
    image_i, depth_i = renderer.render(poses[i], focal_y, size)
    image_j, depth_j = renderer.render(poses[j], focal_y, size)
    y, x = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5, indexing="ij")
    intrinsics = intrinsic_matrix(focal_y, size)
    points = np.stack([x, y, np.ones_like(x)]).reshape(3, -1) * depth_i.ravel()
    transform = np.linalg.inv(poses[j] @ OPENCV_TO_BLENDER) @ poses[i] @ OPENCV_TO_BLENDER
    points = transform[:3, :3] @ np.linalg.inv(intrinsics) @ points + transform[:3, 3:]
    u, v = (intrinsics @ points)[:2] / points[2] - 0.5
    column, row = (
        np.clip(np.floor(u).astype(int), 0, size[1] - 2),
        np.clip(np.floor(v).astype(int), 0, size[0] - 2),
    )
    a, b = (u - column)[:, None], (v - row)[:, None]

    def moved(frame: np.ndarray) -> np.ndarray:
        upper = (1 - a) * frame[row, column] + a * frame[row, column + 1]
        return (1 - b) * upper + b * (
            (1 - a) * frame[row + 1, column] + a * frame[row + 1, column + 1]
        )

    seen = (u > 0) & (u < size[1] - 1) & (v > 0) & (v < size[0] - 1)
    seen &= (
        np.abs(1 / moved(1 / depth_j[..., None])[:, 0] / points[2] - 1) < 0.005
    )  # not hidden in frame j
    assert seen.mean() > 0.5
    error = np.abs(moved(image_j.astype(float)) - image_i.reshape(-1, 3))[seen]
    unmoved = np.abs(image_j.astype(float) - image_i).reshape(-1, 3)[seen]
    assert error.mean() < 3  # of 255
    assert error.mean() < 0.2 * unmoved.mean()


def test_rendering_is_repeatable_bit_for_bit(scene):
    _, poses, focal_y, renderer = scene
    room, again, focal_again = make_scene(replace(CLIP, frames=60))
    np.testing.assert_array_equal(again, poses)
    assert focal_again == focal_y
    for first, second in zip(
        renderer.render(poses[3], focal_y, SIZE),
        Renderer(room, 0).render(again[3], focal_y, SIZE),
        strict=True,
    ):
        np.testing.assert_array_equal(first, second)


def test_light_is_blocked_by_boxes_and_only_by_them():
    box = Box(
        np.array([0.0, 0, 1]), np.array([2.0, 0.2, 1]), np.pi / 2, PLAIN
    )  # thin along x once turned
    origins = np.array(
        [[-1.0, 0.5, 1], [-1.0, 0.5, 1], [-1.0, 0.5, 1.6], [-1.0, 1.5, 1]], np.float32
    )
    rays = np.array([[2.0, 0, 0], [0.8, 0, 0], [2.0, 0, 0], [2.0, 0, 0]], np.float32)
    assert blocked(origins, rays, [box]).tolist() == [
        True,
        False,
        False,
        False,
    ]  # through, short of it, above, beside


def test_light_falls_off_with_the_square_and_is_cut_off_by_a_board():
    size, up = np.array([6.0, 6.0, 3.0]), np.array([[[0.0, 0, 1]]], np.float32)
    lamp = Box(np.array([0.0, 0, 2.95]), np.array([0.4, 0.4, 0.1]), 0.0, replace(PLAIN, glow=12.0))
    board = Box(np.array([0.0, 0, 2.0]), np.array([0.8, 0.8, 0.05]), 0.0, PLAIN)
    points, normals = (
        np.array([[0, 0, 0], [1.5, 0, 0]], np.float32),
        np.array([[0, 0, 1], [0, 0, 1]], np.float32),
    )

    def light(boxes: list[Box]) -> np.ndarray:
        room = Room(size, [PLAIN] * 6, boxes)
        lights = [quad for quad in render._quads(room) if quad.material.glow and quad.area > 0.1]
        return render._incident(points, normals, room, lights, up)[:, 0]

    around = 0.36
    square = 2.9**2 + np.array([0, 1.5**2])
    direct = (
        12.0 * 0.5 * 0.16 * (2.9**2 / square) / square
    )  # radiance, area, both cosines, distance squared
    np.testing.assert_allclose(light([lamp]) - around, direct, rtol=0.03)
    np.testing.assert_allclose(light([lamp, board])[0], around, atol=1e-6)


def test_texture_has_the_size_of_its_surface_and_the_colour_of_its_material():
    image = texture(Material((0.6, 0.4, 0.2), contrast=0.05), 1.0, 0.5, np.random.default_rng(0))
    assert image.shape == (40, 80, 3)  # 80 samples a metre here
    np.testing.assert_allclose(image.mean((0, 1)), (0.6, 0.4, 0.2), rtol=0.05)


def test_rooms_have_furniture_and_paths_keep_clear_of_it():
    found = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        room = furnish(rng)
        assert len(room.boxes) > 30
        poses = camera_path(room, 60, 30, rng)
        if poses is None:
            continue
        found += 1
        assert clearance(room, poses[:, :2, 3]).min() >= 0.3
        assert poses[:, 2, 3].min() >= 1.2 and poses[:, 2, 3].max() <= 1.8
        speed = np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1) * 30  # metres a second
        assert speed.max() < 0.7
        np.testing.assert_allclose(
            poses[:, :3, :3] @ poses[:, :3, :3].transpose(0, 2, 1),
            np.tile(np.eye(3), (60, 1, 1)),
            atol=1e-12,
        )
        np.testing.assert_allclose(np.linalg.det(poses[:, :3, :3]), 1)
        assert (poses[:, 2, 1] > 0.5).all()  # upright
        cosine = (np.einsum("nij,nij->n", poses[1:, :3, :3], poses[:-1, :3, :3]) - 1) / 2
        assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() * 30 < 30  # degrees a second
    assert found >= 3


def test_room_without_such_a_path_is_one_clear_line(monkeypatch):
    monkeypatch.setattr(clips, "CLIP_ATTEMPTS", 1)
    with pytest.raises(
        ValueError, match="clip 0: found no path of 3000 frames in room 0; choose fewer --frames"
    ):
        make_scene(replace(CLIP, frames=3000))


def test_clearance_of_a_known_room():
    room = Room(
        np.array([4.0, 6.0, 2.5]),
        [PLAIN] * 6,
        [Box(np.array([0.0, 0, 0.5]), np.array([1.0, 0.4, 1.0]), np.pi / 2, PLAIN)],
    )
    found = clearance(room, np.array([[1.2, 0.0], [1.5, 2.0], [0.1, 0.1], [0.6, 0.9]]))
    np.testing.assert_allclose(found, [0.8, 0.5, 0.0, np.hypot(0.4, 0.4)], atol=1e-12)


def test_identifiers_differ_between_splits_seeds_and_numbers():
    clips = [
        Clip(split, seed, n, 6, Fraction(30))
        for split in ("train", "test")
        for seed in range(3)
        for n in range(20)
    ]
    assert (
        len({clip.video for clip in clips}) == len({clip.sequence for clip in clips}) == len(clips)
    )
    assert {len(clip.video) for clip in clips} == {11}
    assert {len(clip.sequence) for clip in clips} == {16}
    sizes = {tuple(make_scene(clip)[0].size) for clip in clips[:2] + clips[60:62]}
    assert len(sizes) == 4  # train and test, number 0 and 1: four rooms


def test_clips_that_take_turns_in_rooms_share_them_but_not_their_paths():
    clips = [replace(CLIP, number=number, rooms=2) for number in range(4)]
    assert [clip.room for clip in clips] == [0, 1, 0, 1]
    scenes = [make_scene(clip) for clip in clips]
    assert len({clip.sequence for clip in clips}) == 4
    for first, second in ((0, 2), (1, 3)):
        assert [box.centre.tolist() for box in scenes[first][0].boxes] == [
            box.centre.tolist() for box in scenes[second][0].boxes
        ]
        assert not np.allclose(scenes[first][1], scenes[second][1])
    assert not np.array_equal(scenes[0][0].size, scenes[1][0].size)
    np.testing.assert_array_equal(
        make_scene(replace(CLIP, number=1))[1], scenes[1][1]
    )  # whatever the number of rooms


def test_a_camera_can_walk_through_the_doorway():
    rooms = (furnish(np.random.default_rng(seed)) for seed in range(20))
    room = next(room for room in rooms if room.doorway is not None)
    assert clearance(room, room.doorway[None])[0] > 0.4  # the opening
    beside = room.doorway + np.array([0, 0.8])
    assert clearance(room, beside[None])[0] == 0  # the wall
    rng = np.random.default_rng(0)
    sides = [
        np.sign(camera_path(room, 6, 1.0, rng)[[0, -1], 0, 3] - room.doorway[0]) for _ in range(12)
    ]
    assert any(start != end for start, end in sides)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rooms")
    assert make_clip(replace(CLIP, pose_every=2), folder, depth=True)
    return folder


def test_a_clip_is_in_the_format_of_realestate10k(made):
    _, poses, focal_y = make_scene(CLIP)
    lines = (
        (made / "RealEstate10K-original" / "train" / f"{CLIP.sequence}.txt")
        .read_text()
        .splitlines()
    )
    assert lines[0] == f"https://made-up-rooms.invalid/watch?v={CLIP.video}"
    numbers = np.array([line.split(" ") for line in lines[1:]], dtype=float)
    assert numbers.shape == (3, 19)
    assert numbers[:, 0].tolist() == [
        0,
        66667,
        133333,
    ]  # microseconds of frames 0, 2, 4 at 30 a second
    np.testing.assert_allclose(
        numbers[0, 1:7], (focal_y * 9 / 16, focal_y, 0.5, 0.5, 0, 0), atol=1e-9
    )
    np.testing.assert_allclose(
        from_realestate10k(numbers[:, 7:].reshape(-1, 3, 4)), poses[::2], atol=1e-7
    )


def test_the_video_holds_the_rendered_frames_at_their_times(made):
    room, poses, focal_y = make_scene(CLIP)
    renderer = Renderer(room, int.from_bytes(CLIP.room_digest()[17:25]))
    with av.open(str(made / "train" / "videos" / f"{CLIP.video}.mp4")) as container:
        frames = [
            (frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)
        ]
    np.testing.assert_allclose([time for time, _ in frames], np.arange(6) / 30, atol=1e-6)
    image, depth = renderer.render(poses[4], focal_y, (360, 640))
    assert np.abs(frames[4][1].astype(float) - image).mean() < 4  # of 255: the compression
    stored = np.load(made / "train" / "depth" / f"{CLIP.video}.npz", allow_pickle=False)["depth"]
    assert stored.dtype == np.float16 and stored.shape == (6, 360, 640)
    np.testing.assert_allclose(stored[4], depth, rtol=1e-3)


def test_clips_that_are_there_are_kept(made):
    files = {path: path.stat().st_mtime_ns for path in made.rglob("*.*")}
    assert len(files) == 3  # and nothing temporary
    assert not make_clip(replace(CLIP, pose_every=2), made)
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*.*")} == files


def test_an_unfinished_clip_is_made_again_and_other_frames_are_refused(made, tmp_path):
    shutil.copytree(made, tmp_path / "data")
    video = tmp_path / "data" / "train" / "videos" / f"{CLIP.video}.mp4"
    before = video.read_bytes()
    video.unlink()
    assert make_clip(replace(CLIP, pose_every=2), tmp_path / "data")
    assert video.read_bytes() == before
    with pytest.raises(
        ValueError,
        match=r"holds other frames than asked for; remove it and .*choose another --seed",
    ):
        make_clip(replace(CLIP, frames=7), tmp_path / "data")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--clips=0", "--clips 0: expected at least 1"),
        ("--frames=1", "--frames 1: expected at least 2"),
        ("--pose-every=0", "--pose-every 0: expected at least 1"),
        ("--workers=0", "--workers 0: expected at least 1"),
        ("--fps=0", "--fps 0: expected 1 to 120"),
        ("--fps=nan", "--fps nan: expected 1 to 120"),
    ],
)
def test_bad_options_are_refused(option, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        main(["train", option, f"--data={tmp_path}"])
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_command_makes_clips_in_parallel(tmp_path, capsys):
    arguments = ["test", "--clips=2", "--frames=3", "--seed=5", f"--data={tmp_path}", "--workers=2"]
    main(arguments)
    assert len(list((tmp_path / "test" / "videos").glob("*.mp4"))) == 2
    assert len(list((tmp_path / "RealEstate10K-original" / "test").glob("*.txt"))) == 2
    main(arguments)
    assert "0 clips made, 2 were there" in capsys.readouterr().out


@pytest.mark.slow
def test_neighbouring_frames_have_many_sift_matches(monkeypatch):
    monkeypatch.setattr(textures, "TEXELS", 256)
    for number in range(3):
        room, poses, focal_y = make_scene(replace(CLIP, number=number))
        renderer = Renderer(room, 0)
        sift = cv2.SIFT_create()
        frames = (renderer.render(poses[n], focal_y, (256, 256))[0] for n in (0, 5))
        first, second = (
            sift.detectAndCompute(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), None)[1]
            for frame in frames
        )
        matches = cv2.BFMatcher().knnMatch(first, second, k=2)
        assert sum(best.distance < 0.8 * next_best.distance for best, next_best in matches) > 50
