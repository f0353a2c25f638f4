"""Damaged files of cameras: each gives cameras, or one line that names the file."""

import json

import numpy as np
import pytest
from scenes import random_poses

from photonvs.cameras.conditioning import conditioning
from photonvs.cameras.files.camera import Camera
from photonvs.cameras.files.keyframes import read_keyframes
from photonvs.cameras.files.reading import read_cameras
from photonvs.cameras.files.writing import WRITERS, write_cameras
from photonvs.cameras.geometry import check_poses
from photonvs.cameras.spec import SamplingSpec, write_spec

COUNT, TRIES = 4, 40
POSES = random_poses(8, COUNT)
NUMBERS = [b"nan", b"inf", b"-1", b"0", b"1e999", b"99999999999999999999", b'"x"', b"null", b"[]"]


def files_of(name, folder):
    """The files of a format, freshly written, and what reads them."""
    cameras = [Camera(pose, f"{k}.png", 0.9, size=(100, 200)) for k, pose in enumerate(POSES)]
    if name in WRITERS:
        suffixes = {"npy": ".npy", "npy-opencv": ".npy", "realestate10k": ".txt"}
        path = folder / f"cameras{suffixes.get(name, '' if 'colmap' in name else '.json')}"
        write_cameras(cameras, name, path)
    elif name == "npz":
        path = folder / "cameras.npz"
        write_cameras(cameras, "matrices", path)
    elif name == "spec":
        path = folder / "sampling-spec.json"
        write_spec(path, SamplingSpec(0.9, POSES, *conditioning(COUNT)))
    else:
        path = folder / "keyframes.json"
        path.write_text(json.dumps([{"pose": pose.tolist(), "time": 1} for pose in POSES]))
    files = [path] if path.is_file() else [path / f for f in sorted(p.name for p in path.iterdir())]
    return path, [file for file in files if not file.name.startswith("points3D")]


def changed(content, generator):
    """The content with one mistake in it."""
    place = int(generator.integers(len(content)))
    kind = generator.integers(5)
    if kind == 0:
        return content[:place]
    if kind == 1:
        return content[:place] + bytes([int(generator.integers(256))]) + content[place + 1 :]
    if kind == 2:
        length = int(generator.integers(1, 60))
        return content[:place] + content[place + length :]
    if kind == 3:
        return content[:place] + content[place // 2 : place] + content[place:]
    words = content.split(b" ")
    words[int(generator.integers(len(words)))] = NUMBERS[int(generator.integers(len(NUMBERS)))]
    return b" ".join(words)


def anyones(path):
    return read_cameras(path, distorted=True, lens=False)


def keyframes(path):
    return [Camera(pose, "") for pose in read_keyframes(path).poses]


@pytest.mark.parametrize("name", [*WRITERS, "npz", "spec", "keyframes"])
def test_a_mistake_in_a_file_is_one_line_or_harmless(name, tmp_path):
    path, files = files_of(name, tmp_path)
    read = keyframes if name == "keyframes" else anyones
    whole = [file.read_bytes() for file in files]
    refused = 0
    for seed in range(TRIES):
        generator = np.random.default_rng(seed)
        index = seed % len(files)
        files[index].write_bytes(changed(whole[index], generator))
        try:
            cameras = read(path)
        except (ValueError, FileNotFoundError) as error:
            refused += 1
            message = str(error)
            assert message.startswith(str(path)), message
            assert "\n" not in message and len(message) < 500 + len(str(path)), message
        else:
            check_poses(np.stack([camera.pose for camera in cameras]))
            lenses = [(one.focal_x or 1, one.focal_y or 1, *one.principal) for one in cameras]
            assert np.isfinite(lenses).all() and np.min([lens[:2] for lens in lenses]) > 0
        files[index].write_bytes(whole[index])
    assert refused > TRIES / 4
