"""Cameras: conventions and geometry, paths, sampling specifications, the files of other systems."""

from importlib import import_module

_PLACES = {"relative_pose": "rays", "ray_map": "rays", "ray_features": "rays"}


def __getattr__(name: str) -> object:
    """The functions that others call as `photonvs.cameras.NAME`. Torch comes with the first."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_PLACES[name]}", __name__), name)
