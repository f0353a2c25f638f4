"""A command's mistakes are one line on standard error and status 1."""

import pytest

from photonvs.commands import run_main
from photonvs.utils.optional import MissingPackage


def raising(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            ValueError("poses.npy: found 3 columns,\n  expected 7"),
            "poses.npy: found 3 columns, expected 7",
        ),
        (FileNotFoundError("no weights"), "no weights"),
        (
            MissingPackage("pycolmap", "colmap", "take --matcher sift"),
            'pycolmap is not installed: run pip install "photonvs[colmap]", or take --matcher sift',
        ),
        (
            FileNotFoundError(2, "No such file or directory", "photo.jpg"),
            "photo.jpg: No such file or directory",
        ),
        (
            IsADirectoryError(21, "Is a directory", ".a-12.npy", None, "a.npy"),
            "a.npy: Is a directory",
        ),
    ],
)
def test_mistakes_end_in_one_line(error, line):
    with pytest.raises(SystemExit) as ended:
        run_main(raising(error))
    assert str(ended.value).endswith(f"error: {line}")
    assert "\n" not in str(ended.value)


def test_the_traceback_is_there_on_request(monkeypatch):
    monkeypatch.setenv("PHOTONVS_TRACEBACK", "1")
    with pytest.raises(ValueError, match="why"):
        run_main(raising(ValueError("why")))


def test_our_own_defects_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        run_main(raising(ZeroDivisionError()))
