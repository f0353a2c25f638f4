"""The studies, on tiny footage and with a tiny network."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from sampling_task import CONFIG, write_task
from training_task import write_footage

from photonvs.models import build_denoiser, save_weights
from photonvs.samples import Sample
from photonvs.utils.files import BASE
from photonvs.utils.pictures import write_png

sys.path.append(str(BASE / "studies"))
import common
import conditioning
import pictures
import samplers
from common import closed_loop, fine_detail


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Options of a study: footage and weights, and folders of its own."""
    folder = tmp_path_factory.mktemp("study")
    torch.manual_seed(0)
    save_weights(folder / "tiny.safetensors", build_denoiser(CONFIG).eval())
    return write_footage(folder / "data"), [
        "--checkpoint",
        str(folder / "tiny.safetensors"),
        "--paths",
        "3",
    ]


def places(folder):
    return ["--folder", str(folder / "work"), "--docs", str(folder / "docs")]


def test_samplers_are_tuned_compared_and_kept(made, tmp_path, monkeypatch):
    data, common = made
    monkeypatch.setattr(
        samplers, "GRID", {"heun": [{}, {"rho": 4.0}], "dpm-solver-sde": [{"eta": 1.0}]}
    )
    words = [
        "--train",
        str(data),
        "--test",
        str(data),
        "--frames",
        "3",
        "--draws",
        "2",
        "--evaluations",
        "3",
    ]
    words += ["--published-steps", "50", *common, *places(tmp_path)]
    samplers.main(words)
    record = json.loads((tmp_path / "docs" / "samplers.json").read_text())
    tuned = [case for case in record["cases"] if case.startswith("tuning/")]
    assert tuned == ["tuning/heun-12", "tuning/heun-12-rho=4", "tuning/dpm-solver-24-eta=1"]
    published = record["cases"]["test/predictor-corrector-50"]
    assert published["diversity (RMS of 255)"]["mean"] > 0
    low, high = published["Fréchet distance"]["interval"]
    assert low - 1e-6 <= published["Fréchet distance"]["mean"] <= high + 1e-6
    assert len(published["TSED curve"]) > 10
    assert (
        0
        < published[samplers.DETAIL]["least"]
        <= published[samplers.DETAIL]["median"]
        <= published[samplers.DETAIL]["most"]
    )
    table = (tmp_path / "docs" / "samplers-results.md").read_text()
    for words_of_table in (
        "dpm-solver, stochastic",
        "the default, untuned",
        "worse than 50 steps of predictor-corrector in",
    ):
        assert words_of_table in table
    assert (tmp_path / "docs" / "samplers.png").stat().st_size > 10_000

    assert "Paths of" not in table
    monkeypatch.setattr(samplers, "run", None)  # nothing is to be measured again
    samplers.main(words)
    assert (tmp_path / "docs" / "samplers-results.md").read_text() == table
    with pytest.raises(
        ValueError,
        match=r"samplers.json: numbers of .*'frames': 3.* not of .*'frames': 4.*: delete it",
    ):
        samplers.main([*words, "--frames", "4"])


@pytest.mark.slow
def test_few_step_weights_stand_beside_the_samplers_and_all_make_long_paths(
    made, tmp_path, monkeypatch
):
    data, shared = made
    torch.manual_seed(1)
    few = replace(CONFIG, diffusion=replace(CONFIG.diffusion, objective="consistency"))
    save_weights(tmp_path / "few.safetensors", build_denoiser(few).eval())
    monkeypatch.setattr(samplers, "GRID", {"dpm-solver": [{}]})
    monkeypatch.setattr(samplers, "FEW_STEPS", (1, 2))
    # Measured in the test above.
    far = {"mean": 1.0, "interval": None}
    names = "Fréchet distance", "kernel distance"
    monkeypatch.setattr(common, "set_distances", lambda folder: dict.fromkeys(names, far))
    words = ["--train", str(data), "--test", str(data), "--long", str(data), "--frames", "3"]
    words += ["--long-frames", "4", "--draws", "2", "--evaluations", "24"]
    words += ["--few-step", str(tmp_path / "few.safetensors"), "--published-steps", "0"]
    samplers.main([*words, *shared, *places(tmp_path)])
    cases = json.loads((tmp_path / "docs" / "samplers.json").read_text())["cases"]
    steps = [f"consistency-{number}" for number in (1, 2)]
    names = ["dpm-solver-24", *steps]
    assert [name for name in cases if "tuning" not in name] == [
        *(f"test/{name}" for name in names),
        *(f"long/{name}" for name in names),
    ]
    table = (tmp_path / "docs" / "samplers-results.md").read_text()
    assert "worse than 24 steps of dpm-solver in" in table
    short, long = table.split("## Paths of 4 frames")
    for part in (short, long):
        rows = [line.split("|")[1:4] for line in part.splitlines() if "| consistency" in line]
        assert len(rows) == 2


def test_a_closed_loop_compares_the_last_frame_with_the_first(tmp_path):
    directory = write_task(tmp_path / "a", (None, (0,), (1,)))
    images = directory / "samples" / "00000000" / "images"
    for index, value in enumerate((100, 30, 110)):
        write_png(images / f"{index:04d}.png", np.full((16, 16, 3), value, np.uint8))
    assert closed_loop(tmp_path)["mean"] == pytest.approx(20 * np.log10(255 / 10), abs=1e-3)


def test_detail_is_the_highest_frequencies_of_the_last_latent_against_the_first(tmp_path):
    noise = np.random.default_rng(0).standard_normal((4, 32, 32)).astype(np.float32)
    board = np.indices((32, 32)).sum(axis=0) % 2 * 2.0 - 1
    for path, last in (("a", 2 * noise), ("b", noise), ("c", noise + board), ("d", 0.5 * noise)):
        folder = tmp_path / path / "samples" / "00000000" / "latents"
        folder.mkdir(parents=True)
        np.save(folder / "0000.npy", noise)
        np.save(folder / "0001.npy", 9 * noise)  # neither first nor last
        np.save(folder / "0002.npy", last)
    found = fine_detail(tmp_path)
    # Noise has power 1024 at each of the 183 highest frequencies, the board 1024^2 at one.
    assert found["most"] == pytest.approx(1 + 1024 / 183, rel=0.2) and found[
        "least"
    ] == pytest.approx(0.25)
    assert 1 < found["median"] < 4 and found["above 2"] == 2
    np.save(
        tmp_path / "b" / "samples" / "00000000" / "latents" / "0002.npy",
        noise + 9 * np.sin(np.arange(32) / 16 * np.pi),
    )
    assert fine_detail(tmp_path) == pytest.approx(
        found, rel=1e-5
    )  # a wave of the lowest frequency: nothing


def test_a_sampler_is_worse_beyond_the_interval_of_the_reference():
    reference = {measure: {"mean": 2.0, "interval": [1.0, 3.0]} for measure in samplers.GOOD}
    found = {measure: {"mean": 2.0, "interval": None} for measure in samplers.GOOD}
    assert samplers.worse_in(found, reference) == []
    found |= {
        "TSED": {"mean": 0.9},
        "SSIM, first frame": {"mean": 9.0},
        "kernel distance": {"mean": 3.1},
    }
    found["median SED (pixels)"] = {"mean": None}
    assert samplers.worse_in(found, reference) == ["TSED", "median SED (pixels)", "kernel distance"]


def test_references_are_the_published_sampler_at_its_most_steps_and_at_its_best():
    distances = {50: 3.0, 100: 1.0, 250: 2.0}
    rows = [
        (samplers.Setting("predictor-corrector", steps), {samplers.TUNED_FOR: {"mean": mean}})
        for steps, mean in distances.items()
    ]
    rows.insert(0, (samplers.Setting("heun", 12), {samplers.TUNED_FOR: {"mean": 0.0}}))
    assert [one.steps for one, _ in samplers.references(rows)] == [250, 100]
    assert [one.steps for one, _ in samplers.references(rows[:3])] == [100]
    assert samplers.references(rows[:1]) == []


def test_rules_of_conditioning_are_compared_on_all_kinds_of_paths(made, tmp_path, monkeypatch):
    data, common = made
    monkeypatch.setattr(conditioning, "RULES", (conditioning.RULES[1], conditioning.RULES[4]))
    words = [
        "--data",
        str(data),
        "--frames",
        "3",
        "4",
        "2",
        "--steps",
        "2",
        *common,
        *places(tmp_path),
    ]
    conditioning.main(words)
    record = json.loads((tmp_path / "docs" / "conditioning.json").read_text())
    cases = [
        f"{kind}/{rule}"
        for kind in ("3 frames", "4 frames", "return trip")
        for rule in ("last-2-average", "all-random")
    ]
    assert list(record["cases"]) == cases
    table = (tmp_path / "docs" / "conditioning-results.md").read_text()
    costs = [
        line.split("|")[2].strip() for line in table.splitlines() if line.startswith("| the last 2")
    ]
    assert costs == [
        "1.5",
        "1.7",
        "1.5",
    ]  # of the path's frames, the first one generated has one view


def test_cost_counts_the_views_of_each_frame():
    rule = {rule.condition: rule for rule in conditioning.RULES}
    assert conditioning.evaluations_per_step(rule["previous"], 20) == 1
    assert conditioning.evaluations_per_step(rule["all"], 20) == 1
    assert conditioning.evaluations_per_step(rule["keyframes-5"], 11) == pytest.approx(
        (2 * 1 + 8 * 2) / 10
    )


def test_pictures_show_the_path_there_and_back(tmp_path):
    """Columns of the animation: the photo, the generated frame, the true frame."""
    folder = write_task(tmp_path / "room")
    count = len(Sample(folder).spec().poses)
    for index in range(count):
        for place, level in (
            (folder / "true-ims", 40 * index),
            (Sample(folder).run(0).images, 200),
        ):
            place.mkdir(parents=True, exist_ok=True)
            write_png(place / f"{index:04d}.png", np.full((16, 16, 3), level, np.uint8))
    pictures.main([str(folder), "--docs", str(tmp_path)])
    moving = Image.open(tmp_path / "demo.webp")
    assert moving.n_frames == 2 * count - 2
    seen = []
    for number in range(moving.n_frames):
        moving.seek(number)
        middle = np.asarray(moving.convert("L"), float)[128]
        seen.append(middle[[128, 128 + 264, 128 + 528]])
    true = [40 * k for k in (*range(count), *range(count - 2, 0, -1))]
    np.testing.assert_allclose(seen, [(0, 200, level) for level in true], atol=4)
    still = np.asarray(Image.open(tmp_path / "demo.jpg").convert("L"), float)
    assert still.shape == (2 * 256 + 8, 5 * 256 + 4 * 8)
    assert abs(still[128, 128]) < 4 and abs(still[128, 128 + 264] - 200) < 4
