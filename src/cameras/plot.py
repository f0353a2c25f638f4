"""A camera path in words and as a picture."""

import math
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ..utils.files import atomic_path
from .spec import SamplingSpec


def describe(spec: SamplingSpec) -> str:
    """One line: the number of frames, the given ones, the path's length, its largest steps."""
    lengths = np.linalg.norm(np.diff(spec.poses[:, :3, 3], axis=0), axis=1)
    turns = np.einsum(
        "nij,nij->n", spec.poses[1:, :3, :3], spec.poses[:-1, :3, :3]
    )  # trace of the rotation between frames
    degrees = np.degrees(np.arccos(np.clip((turns - 1) / 2, -1, 1)))
    given = ", ".join(str(index) for index in spec.given)
    return (
        f"{len(spec.poses)} frames, given: {given}; path length {lengths.sum():.3g}, "
        f"largest step {lengths.max(initial=0):.3g} and {degrees.max(initial=0):.3g} degrees"
    )


def plot_path(path: str | Path, spec: SamplingSpec) -> None:
    """Draw the path from above and from the right, in the first camera's frame: places, viewing directions, frame numbers."""
    poses = np.linalg.inv(spec.poses[0]) @ spec.poses
    places, directions = poses[:, :3, 3], -poses[:, :3, 2]
    arrow = max(float(np.ptp(places, axis=0).max()), 0.1) / 6
    figure = Figure(figsize=(11, 5.5), layout="constrained")
    axes_pair = figure.subplots(1, 2)
    views = (
        ("seen from above", (0, 1), (2, -1), "right", "forward"),
        ("seen from the right", (2, -1), (1, 1), "forward", "up"),
    )
    for axes, (title, across, upward, across_name, upward_name) in zip(
        axes_pair, views, strict=True
    ):
        x, y = places[:, across[0]] * across[1], places[:, upward[0]] * upward[1]
        u, v = directions[:, across[0]] * across[1], directions[:, upward[0]] * upward[1]
        axes.plot(x, y, "-", color="0.8")
        axes.quiver(
            x,
            y,
            u,
            v,
            angles="xy",
            scale_units="xy",
            scale=1 / arrow,
            width=0.004,
            color="tab:blue",
        )
        axes.update_datalim(np.stack([x + arrow * u, y + arrow * v], axis=1))  # the tips count too
        axes.plot(x, y, "o", markersize=4, color="tab:blue", label="generated")
        axes.plot(
            x[list(spec.given)],
            y[list(spec.given)],
            "s",
            markersize=8,
            color="tab:orange",
            label="given",
        )
        for index in range(0, len(x), math.ceil(len(x) / 20)):
            axes.annotate(
                str(index),
                (x[index], y[index]),
                xytext=(4, 4),
                textcoords="offset points",
                fontsize=8,
            )
        axes.set(
            title=title,
            xlabel=f"{across_name} of the first camera",
            ylabel=f"{upward_name} of the first camera",
        )
        axes.set_aspect("equal", adjustable="datalim")
        axes.margins(0.15)
    axes_pair[0].legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)
