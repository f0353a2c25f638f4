"""Means and set distances over sequences: short term, long term, all."""

import json

import numpy as np
import pytest
from test_image_metrics import write_sample

from photonvs.evaluation import published_metrics, registry, set_distances
from photonvs.evaluation.comparisons import run_comparison
from photonvs.evaluation.image_results import HORIZONS, evaluate_images, in_horizon
from photonvs.evaluation.image_table import metric_rows, plain_table
from photonvs.evaluation.registry import METRICS, PairMetric, SetMetric
from photonvs.evaluation.tables import markdown
from photonvs.utils.pictures import write_png


@pytest.fixture
def comparisons(tmp_path):
    """Two sequences of 3 and 7 frames."""
    folders = [(tmp_path / "a", 3), (tmp_path / "b", 7)]
    return [run_comparison(write_sample(folder, count)) for folder, count in folders]


def mean_level(images):
    """Two features: the frame's grey level and its square."""
    levels = np.array([image.mean() for image in images])
    return np.stack([levels, levels**2 / 100], axis=1)


@pytest.fixture
def simple_features(monkeypatch):
    monkeypatch.setattr(set_distances, "load_features", lambda device: mean_level)


def test_horizons():
    numbers = range(1, 8)
    assert [number for number in numbers if in_horizon("short-term", number, 7)] == [5]
    assert [number for number in numbers if in_horizon("short-term", number, 7, short_term=2)] == [
        2
    ]
    assert [number for number in numbers if in_horizon("long-term", number, 7)] == [7]
    assert all(in_horizon("all", number, 7) for number in numbers)


def test_means_over_sequences_of_each_horizon(comparisons):
    for index in (1, 2):  # sequence a: exact where b is one level off
        path = comparisons[0].pairs[index - 1].generated
        write_png(path, np.full((8, 8, 3), 55 + 10 * index, np.uint8))
    results = evaluate_images(comparisons, ["psnr"], short_term=5)
    off_by_5, off_by_1 = 20 * np.log10(255 / 5), 20 * np.log10(255)
    expected = {
        "all": (off_by_5 + off_by_1) / 2,
        "short-term": off_by_1,
        "long-term": (off_by_5 + off_by_1) / 2,
    }
    assert {key: results.summary[key]["psnr"]["mean"] for key in expected} == pytest.approx(
        expected
    )
    assert [results.summary[key]["psnr"]["sequences"] for key in expected] == [2, 1, 2]
    assert results.problems == results.unavailable == []


def test_set_distances_of_each_horizon(comparisons, simple_features):
    results = evaluate_images(comparisons, ["psnr", "frechet-efficientnet", "kernel-efficientnet"])
    assert results.summary["all"]["frechet-efficientnet"]["images"] == 8
    assert results.summary["long-term"]["frechet-efficientnet"]["images"] == 2
    assert 0.99 < results.summary["all"]["frechet-efficientnet"]["mean"] < 10, (
        "one level apart, and its square"
    )
    assert "frechet-efficientnet" not in results.summary["short-term"]
    assert results.unavailable == [
        "frechet-efficientnet and kernel-efficientnet, short-term: 1 frames, expected at least 2"
    ]
    table = plain_table(results.summary, 5)
    assert "not comparable with FID" in table and "short term (frame 5)" in table


def test_a_metric_without_weights_is_said_and_the_others_come(comparisons, monkeypatch):
    def refuse(device):
        raise FileNotFoundError("no weights here")

    monkeypatch.setattr(published_metrics, "load_inception", refuse)
    monkeypatch.setattr(published_metrics, "load_lpips", refuse)
    results = evaluate_images(comparisons[:1], list(METRICS))
    assert results.unavailable[:2] == [
        "lpips left out: no weights here",
        "fid and kid left out: no weights here",
    ]
    assert (
        results.summary["all"]["psnr"]["mean"] > 0
        and results.summary["all"]["kernel-efficientnet"]["images"] == 2
    )
    assert "lpips" not in results.summary["all"] and "fid" not in results.summary["all"]


def test_an_unreadable_frame_is_said_once_and_counts_nowhere(comparisons, simple_features):
    comparisons[1].pairs[0].generated.write_bytes(b"")
    results = evaluate_images(comparisons, ["psnr", "frechet-efficientnet"])
    assert len(results.problems) == 1 and results.problems[0].startswith(
        "b/00000000: frame 0001 left out:"
    )
    assert results.summary["all"]["frechet-efficientnet"]["images"] == 7


def test_metrics_json_has_null_where_there_is_no_number(comparisons):
    comparison = comparisons[0]
    write_png(comparison.pairs[0].generated, np.full((8, 8, 3), 60, np.uint8))  # exact
    results = evaluate_images([comparison], ["psnr", "ssim"])
    results.write()
    content = json.loads(comparison.results.metrics.read_text())
    assert content["generated"] == 2
    assert [row["psnr"] is None for row in content["frames"]] == [True, False] and content[
        "frames"
    ][0]["ssim"] is None


def darkest(frame, true):
    return float(frame.min())


def test_a_metric_is_one_function_and_one_line(comparisons, monkeypatch):
    monkeypatch.setattr(registry, "_find", lambda place: darkest)
    monkeypatch.setitem(METRICS, "darkest", PairMetric("darkest value", "its_file:darkest"))
    results = evaluate_images(comparisons[:1], ["darkest"])
    (_, row) = metric_rows(results.summary)
    assert row == ("darkest value", ["66", "-", "71"])


def test_a_number_that_is_no_metric_is_in_the_table_by_its_name():
    summary = {horizon: {} for horizon in HORIZONS}
    summary["all"] = {"speed": {"mean": 3.0}, "psnr": {"mean": 20.0}}
    assert metric_rows(summary) == [
        ("PSNR (dB), higher is better", ["20", "-", "-"]),
        ("speed", ["3", "-", "-"]),
    ]


def test_every_metric_can_be_found():
    for metric in METRICS.values():
        place = metric.features if isinstance(metric, SetMetric) else metric.place
        assert callable(registry._find(place))


def test_markdown():
    assert markdown(["", "a"], [["x", "1"]]) == "|  | a |\n| --- | --- |\n| x | 1 |"
