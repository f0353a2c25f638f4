"""RealEstate10K's text as Windows, editors and people write it."""

import numpy as np
import pytest
from scenes import write_realestate10k_text

from photonvs.cameras.paths import hop
from photonvs.cameras.realestate10k import read_realestate10k_text


def variants(text):
    """The same file as Windows and people write it."""
    first, *lines = text.splitlines()
    yield text.replace("\n", "\r\n")
    yield "\ufeff" + text
    yield "\n" + first + "\n\n" + "\n   \n".join(lines) + "\n\n\n"
    yield text.replace("https://www.youtube.com/watch?v=abcdefghijk", "youtu.be/abcdefghijk")
    yield text.replace("www.youtube.com/watch?v=abcdefghijk", "youtu.be/abcdefghijk?t=3")


def test_a_text_in_any_shape_is_the_same(tmp_path):
    path = write_realestate10k_text(tmp_path / "a.txt", hop(6))
    expected = read_realestate10k_text(path)
    for text in list(variants(path.read_text())):
        path.write_text(text, newline="")
        found = read_realestate10k_text(path)
        assert found.video == expected.video == "abcdefghijk"
        np.testing.assert_array_equal(found.poses, expected.poses)


def test_a_mistake_after_blank_lines_is_named_by_its_line(tmp_path):
    path = write_realestate10k_text(tmp_path / "a.txt", hop(3))
    text = path.read_text().replace("\n", "\n\n").rstrip() + " 7"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"a.txt, line 7: found 20 fields, expected 19"):
        read_realestate10k_text(path)
