"""Which frame is generated from which others, and in which order."""

import re
from itertools import pairwise

from ..utils.json_files import joined

Order = tuple[int, ...]  # pose indices
Dependencies = tuple[tuple[int, ...] | None, ...]  # for each pose those it is conditioned on


def conditioning(
    frames: int, rule: str = "previous", given: tuple[int, ...] = (0,)
) -> tuple[Order, Dependencies]:
    """Generation order and dependencies of so many frames, by a rule.

    - previous: each frame on the one before.
    - last-K: on the K before, fewer at the start.
    - all: on all before.
    - keyframes-K: first every K-th frame, the last frame and the given ones, each on the keyframe
      before. Then the frames between two keyframes, on these two.

    given: indices of frames that exist already; 0 must be one. Their dependencies are None.
    Raises ValueError for an unknown rule or wrong given frames.
    """
    indices = set(given)
    if len(indices) < len(given) or 0 not in indices or not indices <= set(range(frames)):
        raise ValueError(
            f"given frames {joined(given)}: expected different indices from 0 to {frames - 1}, "
            "0 among them"
        )
    match = re.fullmatch(r"previous|all|(last|keyframes)-([1-9][0-9]{0,8})", rule)
    if not match:
        raise ValueError(
            f"condition {rule!r}: expected previous, last-K, all or keyframes-K with a number "
            "for K, such as last-3"
        )
    if match[1] == "keyframes":
        return _keyframe_conditioning(frames, int(match[2]), indices)
    reach = int(match[2]) if match[1] else {"previous": 1, "all": frames}[rule]
    order = tuple(index for index in range(frames) if index not in indices)
    needed = (
        None if index in indices else tuple(range(max(0, index - reach), index))
        for index in range(frames)
    )
    return order, tuple(needed)


def _keyframe_conditioning(frames: int, every: int, given: set[int]) -> tuple[Order, Dependencies]:
    keyframes = sorted({*range(0, frames, every), frames - 1, *given})
    order = [index for index in keyframes if index not in given]
    dependencies: list[tuple[int, ...] | None] = [None] * frames
    for before, after in pairwise(keyframes):
        dependencies[after] = None if after in given else (before,)
        for index in range(before + 1, after):
            order.append(index)
            dependencies[index] = (before, after)
    return tuple(order), tuple(dependencies)
