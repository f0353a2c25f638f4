"""The varied rooms.

Exact geometry, steady colours, paths within their bounds, repeatable pictures.
"""

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from photonvs.cameras.geometry import OPENCV_TO_BLENDER, intrinsic_matrix
from photonvs.datasets.rooms import clips
from photonvs.datasets.rooms.clips import Clip
from photonvs.datasets.rooms.varied import light, paths, tiles
from photonvs.datasets.rooms.varied.fittings import AT_WALLS, FREE
from photonvs.datasets.rooms.varied.pieces import Lamp, Piece
from photonvs.datasets.rooms.varied.plan import Plan
from photonvs.datasets.rooms.varied.render import Renderer
from photonvs.datasets.rooms.varied.shots import Shot, make_scene, pictures
from photonvs.datasets.rooms.varied.stock import Skin, Stock

SHOT = Shot("train", 0, 3, 4, 96)
GREY = Skin(np.full((8, 8, 3), 128, np.uint8), metres=1.0)


@pytest.fixture(scope="module")
def scene() -> tuple[Plan, paths.Path, Renderer]:
    plan, path = make_scene(SHOT)
    return plan, path, Renderer(plan)


def pixel_rays(pose: np.ndarray, focal_y: float, size: int) -> np.ndarray:
    """World directions through the pixel centres, of depth 1, (size, size, 3)."""
    y, x = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5, indexing="ij")
    pixels = np.stack([x, y, np.ones_like(x)], axis=-1)
    inverse = np.linalg.inv(intrinsic_matrix(focal_y, (size, size)))
    return pixels @ inverse.T @ (pose @ OPENCV_TO_BLENDER)[:3, :3].T


def ray_depth(plan: Plan, pose: np.ndarray, focal_y: float, size: int) -> np.ndarray:
    """Depth (size, size) by cutting each ray with each solid, in float64.

    Independent of how the renderer does it.
    """
    origin, rays = pose[:3, 3], pixel_rays(pose, focal_y, size)
    bounds = np.stack([-plan.size, plan.size]) / 2
    bounds[:, 2] += plan.size[2] / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = ((bounds[:, None, None] - origin) / rays).max(0).min(-1)  # the shell, from inside
        for solid in plan.solids:
            cos, sin = np.cos(solid.yaw), np.sin(solid.yaw)
            turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
            start, ray = (origin - solid.centre) @ turn, rays @ turn
            near = ((-np.sign(ray) * solid.size / 2 - start) / ray).max(-1)
            far = ((np.sign(ray) * solid.size / 2 - start) / ray).min(-1)
            depth = np.where((near < far) & (near > 0), np.minimum(depth, near), depth)
    return depth


@pytest.mark.parametrize("number", [3, 4])
def test_depth_is_that_of_the_solids(number):
    plan, path = make_scene(Shot("test", 0, number, 2, 96))
    _, depth = Renderer(plan).render(path.poses[1], path.focal_y, (96, 96))
    samples = 1 / ray_depth(plan, path.poses[1], path.focal_y, 192)
    expected = 1 / samples.reshape(96, 2, 96, 2).mean((1, 3))  # a pixel has the mean of its samples
    assert np.ptp(expected) > 0.5
    assert (np.abs(depth / expected - 1) < 1e-3).mean() > 0.995  # the rest: edges


def test_a_point_keeps_its_colour_in_another_view(scene):
    """Frame 0, each pixel moved by depth and poses, shows frame 2's colours."""
    _, path, renderer = scene
    size, poses = 192, path.poses[[0, 2]]
    (first, depth), (second, other) = (
        renderer.render(pose, path.focal_y, (size, size)) for pose in poses
    )
    points = pixel_rays(poses[0], path.focal_y, size) * depth[..., None] + poses[0][:3, 3]
    camera = np.linalg.inv(poses[1] @ OPENCV_TO_BLENDER)
    seen = points @ camera[:3, :3].T + camera[:3, 3]
    pixels = seen @ intrinsic_matrix(path.focal_y, (size, size)).T
    x, y = ((pixels[..., n] / seen[..., 2] - 0.5).astype(np.float32) for n in (0, 1))
    moved = cv2.remap(second, x, y, cv2.INTER_LINEAR).astype(float)
    there = cv2.remap(other, x, y, cv2.INTER_LINEAR)
    visible = (x > 1) & (x < size - 2) & (y > 1) & (y < size - 2)
    visible &= np.abs(there / seen[..., 2] - 1) < 0.005
    assert visible.mean() > 0.4
    error = np.abs(moved - first)[visible].mean()
    assert error < 4  # of 255
    assert error < 0.3 * np.abs(second.astype(float) - first)[visible].mean()


def test_pictures_are_repeatable_bit_for_bit():
    first, second = (np.stack(list(pictures(SHOT)[1])) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (4, 96, 96, 3) and first.std() > 10


def test_rooms_of_other_splits_seeds_and_numbers_differ():
    shots = [
        Shot(split, seed, n, 4, 96)
        for split in ("train", "test")
        for seed in (0, 1)
        for n in (0, 1)
    ]
    assert len({shot.key for shot in shots}) == len({shot.video for shot in shots}) == 8
    assert len({tuple(make_scene(shot)[0].size) for shot in shots}) == 8


def test_paths_keep_clear_and_within_their_bounds():
    motions = set()
    for number in range(12):
        plan, path = make_scene(Shot("train", 1, number, 10, 96))
        motions.add(path.motion)
        places, turns = path.poses[:, :3, 3], path.poses[:, :3, :3]
        assert np.linalg.norm(np.diff(places, axis=0), axis=1).max() < 0.5
        cosine = (np.einsum("nij,nij->n", turns[1:], turns[:-1]) - 1) / 2
        assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 14
        np.testing.assert_allclose(
            turns @ turns.transpose(0, 2, 1), np.tile(np.eye(3), (10, 1, 1)), atol=1e-9
        )
        assert 45 < 2 * np.degrees(np.arctan(0.5 / path.focal_y)) < 75
        for place in places:
            for solid in plan.solids:
                cos, sin = np.cos(solid.yaw), np.sin(solid.yaw)
                offset = (place - solid.centre) @ np.array(
                    [[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]
                )
                assert np.linalg.norm(np.maximum(np.abs(offset) - solid.size / 2, 0)) > 0.24
    assert len(motions) > 2


def test_a_prism_is_filled_without_a_gap():
    piece = Piece()
    piece.prism(0.3, 0.1, 0, 0.5, 1.0, GREY)
    angle = np.linspace(0, 2 * np.pi, 400)
    for radius in (0.1, 0.3, 0.49):  # of circles inside the prism
        ring = np.stack(
            [0.3 + radius * np.cos(angle), 0.1 + radius * np.sin(angle), 0 * angle + 0.5], -1
        )
        inside = np.zeros(400, bool)
        for solid in piece.solids:
            cos, sin = np.cos(solid.yaw), np.sin(solid.yaw)
            offset = (ring - solid.centre) @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
            inside |= (np.abs(offset) <= solid.size / 2).all(1)
        assert inside.all()


@pytest.mark.parametrize("make", {*AT_WALLS, *FREE}, ids=lambda make: make.__name__)
def test_furniture_stands_on_the_floor(make):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        solids = make(Stock(rng), rng).solids
        bottom = min(solid.centre[2] - solid.size[2] / 2 for solid in solids)
        assert -1e-9 < bottom < 0.2
        assert min(solid.size.min() for solid in solids) > 0.004


@pytest.mark.parametrize(
    "pattern", {*tiles.PLAIN, *tiles.WOODEN, *tiles.STONE, *tiles.PRINTED}, ids=lambda p: p.__name__
)
def test_patterns_repeat_without_a_seam(pattern):
    """Across the seam, neighbours differ no more than somewhere inside."""
    for seed in range(4):
        image = tiles.tile(pattern, np.array([0.6, 0.5, 0.4]), np.random.default_rng(seed)).astype(
            float
        )
        for axis in (0, 1):
            steps = np.abs(np.roll(image, -1, axis) - image).mean(tuple({0, 1, 2} - {axis}))
            assert steps[-1] <= 1.3 * steps[:-1].max() + 2


def test_light_is_blocked_by_solids_and_falls_off_with_the_square():
    def lit(heights: list[float], solids: Piece) -> np.ndarray:
        plan = Plan(np.array([6.0, 6.0, 4.0]), [GREY] * 6, solids.solids, around=np.zeros(3))
        plan.lamps = [light_lamp]
        points = np.array([[0, 0, z] for z in heights], np.float32).T
        normals = np.tile(np.array([[0], [0], [1]], np.float32), (1, len(heights)))
        return light.Lighting(plan).at(points, normals)[0]

    light_lamp = Lamp(np.array([0, 0, 3.5]), np.ones(3))
    board = Piece()
    board.box(0, -0.5, 2.0, 1, 1, 0.05, GREY)
    free, shaded = lit([0.0, 1.0], Piece()), lit([0.0, 3.0], board)
    np.testing.assert_allclose(free, [1 / 3.5**2, 1 / 2.5**2], rtol=0.02)
    assert shaded[0] < 1e-6 < shaded[1]


def test_a_varied_clip_has_other_names_and_a_long_path():
    flat = Clip("test", 0, 0, 20, Fraction(5))
    varied = replace(flat, style="varied")
    assert flat.video != varied.video and flat.sequence != varied.sequence
    plan, poses, focal_y = clips.make_scene(varied)
    assert isinstance(plan, Plan) and poses.shape == (20, 4, 4)
    image, depth = Renderer(plan).render(poses[5], focal_y, (36, 64))
    square, middle = Renderer(plan).render(poses[5], focal_y, (36, 36))
    assert image.shape == (36, 64, 3)
    np.testing.assert_allclose(depth[:, 14:50], middle, rtol=1e-4)  # the centre square
    assert np.abs(image[:, 14:50].astype(int) - square).max() <= 2
