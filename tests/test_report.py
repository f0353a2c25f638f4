"""The report of a sequence: counts, what is null, figures without numbers."""

import json

import numpy as np
import pytest

from photonvs.evaluation.matching import SiftMatcher
from photonvs.evaluation.report import build_report, summarize, write_report
from photonvs.evaluation.scoring import PairScore
from photonvs.samples import Results


def points(count):
    return np.zeros((2, count, 2), np.float32)


def test_a_report_without_any_scored_pair_is_null():
    report = build_report(
        [PairScore((0, 1), None, None, ("gone",)), PairScore((1, 2), points(5), None)],
        SiftMatcher(),
        2,
        10,
    )
    assert (
        report["tsed"] is None
        and report["area_under_curve"] is None
        and report["mean_median_sed"] is None
    )
    assert all(value is None for _, value in report["curve"])
    assert report["count"] == {
        "pairs": 2,
        "scored": 0,
        "consistent": 0,
        "no_baseline": 1,
        "missing": 1,
    }
    summary = summarize([("a", report), ("b", report)])
    assert summary["tsed"] == {"mean": None, "sequences": 0, "interval": None}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "scores",
    [
        [],
        [PairScore((0, 1), None, None, ("gone",))],
        [PairScore((0, 1), points(0), np.array([]))],
    ],
)
def test_results_without_numbers_can_be_written(scores, tmp_path):
    write_report(build_report(scores, SiftMatcher(), 2, 10), Results(tmp_path))
    assert (tmp_path / "tsed.png").stat().st_size > 5000
    assert len(json.loads((tmp_path / "tsed.json").read_text())["pairs"]) == len(scores)


def test_infinite_and_undefined_distances_are_valid_json():
    distances = np.array([np.nan, np.inf, np.inf, 1.0])
    report = build_report([PairScore((0, 1), points(4), distances)], SiftMatcher(), 2, 1)
    pair = json.loads(json.dumps(report, allow_nan=False))["pairs"][0]
    assert pair["median_sed"] is None and pair["consistent"] is False and pair["matches"] == 4
