"""How far two matchers agree, and what they make of wrong cameras: the study in docs/tsed.md.

    pip install --no-deps stereodemo==0.7; pip install scikit-image pycolmap==3.13.0
    python benchmarks/matchers.py [--clips DIR] [--plot FILE]

Real images with known cameras are the twelve indoor stereo pairs of the package stereodemo
(640x480) and scikit-image's motorcycle (Middlebury 2014, 741x500). Absent ones are left out.
Rendered images are the 256x256 frames of each video in DIR that has a truth-*.npz of exact cameras.
The default, tests/data/clips, has 43 pairs, of the 91 that the study used. So the benchmark runs
from a fresh clone, and its numbers differ a little from the study's.
Then the second camera of each pair is moved or turned by known amounts.
"""

import argparse
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from known_cameras import Pair, motorcycle, rendered, stereodemo, triangulated
from matplotlib.figure import Figure

from photonvs.cameras.files.camera import Camera
from photonvs.evaluation.matching import Matcher, Matches, SiftMatcher, open_frame
from photonvs.evaluation.registry import MATCHERS, T_MATCHES, open_matcher
from photonvs.evaluation.tsed import area_under_curve, median_distance, tsed
from photonvs.utils.files import BASE, atomic_path

THRESHOLDS = (1.0, 0.7, 0.5, 0.35)  # of OpenCV's SIFT, as parts of COLMAP's
T_ERRORS = (0.5, 1.0, 2.0)  # pixels
# Percent of the scene's depth, the median of the matched points'.
MOVES = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
TURNS = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0)  # degrees
DRAWS = 20  # random directions of each


def main() -> None:
    """Print the tables, write the plot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    text = "rendered clips (default: %(default)s)"
    default = BASE / "tests" / "data" / "clips"
    parser.add_argument("--clips", type=Path, default=default, metavar="DIR", help=text)
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw what wrong cameras do")
    options = parser.parse_args()
    names = [name for name in MATCHERS if name != "colmap" or find_spec("pycolmap")]
    matchers = {name: open_matcher(name) for name in names}
    print("matchers:", ", ".join(matcher.version() for matcher in matchers.values()))
    with tempfile.TemporaryDirectory() as folder:
        sets = {**rendered(options.clips, Path(folder)), **stereodemo(), **motorcycle(Path(folder))}
        found = {
            name: {
                key: [match(matcher, pair) for pair in pairs] for key, matcher in matchers.items()
            }
            for name, pairs in sets.items()
        }
        for name, pairs in sets.items():
            print_agreement(name, pairs, found[name])
        if len(matchers) == 2:
            print_thresholds(sets, found)
        print_other_cameras(sets, found)
        print_one_moved_camera(sets, found)
        curves = {name: perturbations(pairs, found[name]) for name, pairs in sets.items()}
    for name, of_set in curves.items():
        print_perturbations(name, of_set)
    if options.plot and curves:
        draw(options.plot, curves)


def match(matcher: Matcher, pair: Pair) -> Matches:
    """The pair's matches."""
    return matcher.match_frames(*map(open_frame, pair.images))


def print_agreement(name: str, pairs: list[Pair], found: dict[str, list[Matches]]) -> None:
    """Matches, medians and decisions of each matcher, and how often two decide alike."""
    print(f"\n{name}: {len(pairs)} pairs")
    print(
        f"{'matcher':10}{'matches':>9}{'fewest':>8}{'median':>9}"
        + "".join(f"{f'TSED {t:g}':>10}" for t in T_ERRORS)
    )
    medians = {}
    for key, matches in found.items():
        distances = [pair.distances(both) for pair, both in zip(pairs, matches, strict=True)]
        counts = [len(both[0]) for both in matches]
        medians[key] = np.array(
            [median_distance(one) if len(one) >= T_MATCHES else np.inf for one in distances]
        )
        scores = "".join(f"{tsed(distances, t):10.3f}" for t in T_ERRORS)
        median = np.mean([median_distance(one) for one in distances])
        print(f"{key:10}{np.mean(counts):9.0f}{min(counts):8}{median:9.3f}{scores}")
    if len(medians) == 2:
        one, other = medians.values()
        alike = " ".join(f"{np.mean((one < t) == (other < t)):.1%} at {t:g}," for t in T_ERRORS)
        both = np.isfinite(one) & np.isfinite(other)
        difference = np.median(np.abs(one - other)[both])
        print(f"the same decision: {alike} medians differ by {difference:.3f} pixels (median)")


def print_thresholds(
    sets: dict[str, list[Pair]], found: dict[str, dict[str, list[Matches]]]
) -> None:
    """What a lower contrast threshold does to OpenCV's SIFT, on every fourth pair."""
    print(
        "\nOpenCV's peak threshold, a part of COLMAP's: matches for one of COLMAP's; mean of the "
        "medians in pixels"
    )
    print(f"{'':6}" + "".join(f"{name:>16}" for name in sets))
    for part in THRESHOLDS:
        matcher = SiftMatcher(peak_threshold=part * SiftMatcher().peak_threshold)
        cells = []
        for name, pairs in sets.items():
            some, theirs = pairs[::4], found[name]["colmap"][::4]
            matches = [match(matcher, pair) for pair in some]
            ratio = sum(len(both[0]) for both in matches) / sum(len(both[0]) for both in theirs)
            medians = [
                median_distance(pair.distances(both))
                for pair, both in zip(some, matches, strict=True)
            ]
            cells.append(f"{f'{ratio:.2f}; {np.mean(medians):.3f}':>16}")
        print(f"{part:<6g}" + "".join(cells))


def print_other_cameras(
    sets: dict[str, list[Pair]], found: dict[str, dict[str, list[Matches]]]
) -> None:
    """TSED of rendered clips with the cameras of another one."""
    names = [name for name, pairs in sets.items() if len(pairs) > 12]
    for name in names:
        for other in names:
            if other == name:
                continue
            for key, matches in found[name].items():
                count = min(len(sets[name]), len(sets[other]))
                wrong = [
                    Pair(
                        sets[name][k].images,
                        with_focal(sets[other][k].cameras, sets[name][k]),
                        sets[name][k].sizes,
                    )
                    for k in range(count)
                ]
                distances = [
                    pair.distances(both) for pair, both in zip(wrong, matches, strict=False)
                ]
                scores = ", ".join(f"{tsed(distances, t):.2f} at {t:g}" for t in T_ERRORS)
                print(f"{name} with the cameras of {other}, {key}: TSED {scores}")


def with_focal(cameras: tuple[Camera, Camera], pair: Pair) -> tuple[Camera, Camera]:
    """Poses of the one, focal length of the other."""
    return tuple(
        Camera(camera.pose, camera.image_name, pair.cameras[0].focal_y) for camera in cameras
    )


def print_one_moved_camera(
    sets: dict[str, list[Pair]], found: dict[str, dict[str, list[Matches]]]
) -> None:
    """The curve of a clip, one camera in its middle moved by 2 % of the scene's size.

    The size is that of the box around the matched points.
    """
    for name, pairs in sets.items():
        if len(pairs) <= 12:
            continue
        for key, matches in found[name].items():
            size = scene_size(pairs, matches)
            distances = [pair.distances(both) for pair, both in zip(pairs, matches, strict=True)]
            middle = len(pairs) // 2
            moved = pairs[middle].cameras[0].pose.copy()
            moved[:3, 3] += 0.02 * size * moved[:3, 0]  # sideways
            first = pairs[middle - 1].distances(matches[middle - 1], moved)
            second = Pair(
                pairs[middle].images[::-1], pairs[middle].cameras[::-1], pairs[middle].sizes[::-1]
            )
            changed = [
                *distances[: middle - 1],
                first,
                second.distances(matches[middle][::-1], moved),
                *distances[middle + 1 :],
            ]
            texts = [
                f"TSED at 1 {tsed(one, 1.0):.3f}, at 2 {tsed(one, 2.0):.3f}, "
                f"area {area_under_curve(one):.3f}"
                for one in (distances, changed)
            ]
            print(
                f"{name}, {key}: {texts[0]}; one camera moved by {0.02 * size:.3f} "
                f"(2 % of {size:.2f}): {texts[1]}"
            )


def perturbations(
    pairs: list[Pair], found: dict[str, list[Matches]]
) -> dict[str, dict[str, list[tuple[float, float, float]]]]:
    """For moves and turns of the second cameras, for each matcher, what comes of each amount.

    That is (amount, TSED at 2 pixels, mean of the medians).
    """
    return {
        kind: {
            key: [(amount, *perturbed(kind, amount, pairs, matches)) for amount in amounts]
            for key, matches in found.items()
        }
        for kind, amounts in (("moved", MOVES), ("turned", TURNS))
    }


def perturbed(
    kind: str, amount: float, pairs: list[Pair], found: list[Matches]
) -> tuple[float, float]:
    """TSED at 2 pixels and the mean of the medians, all second cameras wrong by this much.

    The directions are random.
    """
    generator = np.random.default_rng(0)
    distances = []
    for pair, matches in zip(pairs, found, strict=True):
        depth = median_depth(pair, matches)
        for _ in range(DRAWS):
            direction = generator.standard_normal(3)
            direction /= np.linalg.norm(direction)
            pose = pair.cameras[1].pose.copy()
            if kind == "moved":
                pose[:3, 3] += amount / 100 * depth * direction
            else:
                pose[:3, :3] = pose[:3, :3] @ rotation(np.radians(amount) * direction)
            distances.append(pair.distances(matches, pose))
    return tsed(distances, 2.0), float(np.nanmean([median_distance(one) for one in distances]))


def rotation(vector: np.ndarray) -> np.ndarray:
    """The rotation about a vector by its length in radians, Rodrigues."""
    angle = np.linalg.norm(vector)
    if angle == 0:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def median_depth(pair: Pair, matches: Matches) -> float:
    """Median distance of the matched points from the first camera."""
    points = triangulated(pair, matches)
    return float(np.median(np.linalg.norm(points - pair.cameras[0].pose[:3, 3], axis=1)))


def scene_size(pairs: list[Pair], found: list[Matches]) -> float:
    """Diagonal of the box around the matched points, without the outer 5 % on each side."""
    points = np.concatenate(
        [triangulated(pair, matches) for pair, matches in zip(pairs, found, strict=True)]
    )
    return float(np.linalg.norm(np.diff(np.quantile(points, [0.05, 0.95], axis=0), axis=0)))


def print_perturbations(name: str, of_set: dict) -> None:
    """A table for moves and one for turns."""
    for kind, unit in (("moved", "% of the depth"), ("turned", "degrees")):
        print(f"\n{name}, second cameras {kind} ({unit}): TSED at 2, mean of the medians in pixels")
        rows = of_set[kind]
        print(f"{'':10}" + "".join(f"{amount:>14g}" for amount, *_ in next(iter(rows.values()))))
        for key, values in rows.items():
            print(
                f"{key:10}"
                + "".join(f"{f'{score:.2f}, {median:.2f}':>14}" for _, score, median in values)
            )


def draw(path: Path, curves: dict) -> None:
    """TSED at 2 pixels over how wrong the cameras are."""
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    colors = dict(
        zip(curves, ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple"), strict=False)
    )
    labels = {
        "moved": "second camera moved (% of the depth)",
        "turned": "second camera turned (degrees)",
    }
    for axes, (kind, label) in zip(figure.subplots(1, 2), labels.items(), strict=True):
        for name, of_set in curves.items():
            for style, (key, values) in zip(("-o", "--s"), of_set[kind].items(), strict=False):
                amounts, scores, _ = zip(*values, strict=True)
                axes.plot(
                    amounts,
                    scores,
                    style,
                    color=colors.get(name),
                    markersize=4,
                    label=f"{name}, {key}",
                )
        axes.set(xlabel=label, ylabel="TSED, T_error 2 pixels", ylim=(-0.02, 1.02))
    axes.legend(fontsize="x-small")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)


if __name__ == "__main__":
    main()
