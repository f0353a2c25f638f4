"""The three lists of dependencies agree, and the package holds what it needs."""

import re
import tomllib
from itertools import chain

import yaml
from repository import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def exact_versions(lines: list[str]) -> dict[str, str]:
    return dict(line.split("==") for line in lines if "==" in line)


CONSTRAINTS = exact_versions((ROOT / "constraints.txt").read_text().splitlines())


def numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def test_every_requirement_is_pinned_within_its_range():
    project = PYPROJECT["project"]
    for requirement in chain(project["dependencies"], *project["optional-dependencies"].values()):
        name, operator, version = re.fullmatch(
            r"([a-z0-9-]+)(?:\[[a-z,]+\])?(>=|==)([0-9.]+)", requirement
        ).groups()
        pinned = numbers(CONSTRAINTS[name])
        assert pinned >= numbers(version) if operator == ">=" else pinned == numbers(version)


def test_conda_environment_names_the_same_versions():
    environment = yaml.safe_load((ROOT / "environment.yaml").read_text())
    pip = next(item["pip"] for item in environment["dependencies"] if isinstance(item, dict))
    names = [
        re.match(r"[a-z0-9-]+", requirement)[0]
        for requirement in PYPROJECT["project"]["dependencies"]
    ]
    assert exact_versions(pip) == {name: CONSTRAINTS[name] for name in names}
    assert "-e ." in pip


def test_all_packages_are_listed():
    inside = {path.parent.relative_to(ROOT / "src") for path in (ROOT / "src").rglob("__init__.py")}
    listed = {".".join(["photonvs", *path.parts]) for path in inside}
    assert set(PYPROJECT["tool"]["setuptools"]["packages"]) == listed
