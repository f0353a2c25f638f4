"""Tasks for compute-tsed: frames of a plane from cameras that move sideways."""

import json
import shutil

from photonvs.cameras.spec import SamplingSpec, write_spec
from photonvs.commands.compute_tsed import main

FOCAL = 0.9
COUNT = 5


def write_sample_spec(folder, poses):
    given = (None, *((index,) for index in range(len(poses) - 1)))
    write_spec(
        folder / "sampling-spec.json",
        SamplingSpec(FOCAL, poses, tuple(range(1, len(poses))), given),
    )


def add_run(folder, poses, frames, run=0):
    write_sample_spec(folder, poses)
    shutil.copytree(frames, folder / "samples" / f"{run:08d}" / "images")


def run(instance_data, *arguments):
    main(["--instance-data", str(instance_data), "--workers", "1", *map(str, arguments)])


def read(path):
    return json.loads(path.read_text())
