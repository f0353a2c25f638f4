"""Packages that only some features need."""

from importlib import import_module
from types import ModuleType


class MissingPackage(ValueError):
    """An optional package is not installed; the message has the command that installs it.

    extra: the name of photonvs's group of optional dependencies that the package belongs to.
    instead: another way out, if there is one.
    """

    def __init__(self, package: str, extra: str, instead: str = "") -> None:
        super().__init__(package, extra, instead)

    def __str__(self) -> str:
        package, extra, instead = self.args
        message = f'{package} is not installed: run pip install "photonvs[{extra}]"'
        return f"{message}, or {instead}" if instead else message


def import_optional(module: str, extra: str, instead: str = "") -> ModuleType:
    """Import an optional module; raises MissingPackage, with `extra` and `instead`."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0].replace("_", "-")
        raise MissingPackage(package, extra, instead) from error
