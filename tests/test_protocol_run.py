"""A protocol carried out from footage to results, with a tiny score network."""

import json
import shlex
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sampling_task import CONFIG
from test_page import embedded
from training_task import write_footage

from photonvs.cameras.spec import read_spec
from photonvs.commands.evaluate import main
from photonvs.datasets.poses import load_poses
from photonvs.evaluation.protocol import (
    Protocol,
    choose_sequences,
    find_protocol,
    read_protocol,
    write_protocol,
)
from photonvs.evaluation.protocol_run import _commands, evaluate_protocol, make_samples
from photonvs.models import build_denoiser, save_weights
from photonvs.models.model import open_model
from photonvs.sampling import groups
from photonvs.sampling.method import Method
from photonvs.utils.distributed import Process
from photonvs.utils.files import BASE

SAMPLING = ["--", "--steps", "2", "--device", "cpu"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Footage, weights, a protocol of its three sequences, and the results of carrying it out."""
    folder = tmp_path_factory.mktemp("protocol")
    train = write_footage(folder / "data")
    torch.manual_seed(0)
    save_weights(folder / "tiny.safetensors", build_denoiser(CONFIG).eval())
    sequences = choose_sequences(load_poses(train / "poses.npy"), 3, frames=4, every=2)
    metrics = ("psnr", "ssim", "frechet-efficientnet", "kernel-efficientnet")
    write_protocol(
        folder / "small.yaml",
        Protocol(sequences, "test", short_term=2, first_frame="original", metrics=metrics),
    )
    run(folder)
    return folder


def run(folder, *words, sampling=True):
    more = [*SAMPLING, "--checkpoint", str(folder / "tiny.safetensors")] if sampling else []
    fixed = [
        "--protocol",
        str(folder / "small.yaml"),
        "--data",
        str(folder / "data" / "train"),
        "--instance-data",
        str(folder),
    ]
    main([*fixed, *words, *more])


def results(folder):
    return json.loads((folder / "samples" / "small" / "results.json").read_text())


def test_specifications_frames_and_results_are_made(made):
    found = results(made)
    protocol = read_protocol(made / "small.yaml")
    for pinned in protocol.sequences:
        folder = made / "samples" / "small" / pinned.id
        assert len(list((folder / "true-ims").iterdir())) == 4
        assert len(list((folder / "samples" / "00000000" / "images").iterdir())) == 4
        assert (
            json.loads((folder / "evaluation" / "00000000" / "tsed.json").read_text())[
                "first_frame"
            ]
            == "original"
        )
        row = found["runs"][f"{pinned.id}/00000000"]
        rows = json.loads((folder / "evaluation" / "00000000" / "metrics.json").read_text())[
            "frames"
        ]
        assert row["psnr"] == pytest.approx(np.mean([one["psnr"] for one in rows]))
        assert row["sampling"]["weights"]["denoiser"]["sha256"] and row["sampling"]["steps"] == 2
    assert found["images"]["long-term"]["frechet-efficientnet"]["images"] == 3
    assert found["images"]["short-term"]["psnr"]["sequences"] == 3
    assert (
        found["versions"]["torch"] == torch.__version__.split("+")[0]
        and found["matcher"]["matcher"] == "sift"
    )
    assert found["weights"].keys() >= {"efficientnet-lite0-57934424.pth"} and found["missing"] == []
    page = (made / "samples" / "small" / "report.html").read_text()
    assert "Protocol small" in page and page.count("data:image/jpeg") == 3 * (4 + 4 + 1)
    means = embedded(made / "samples" / "small" / "report.html")["means"]
    assert means["title"] == "Means over 3 sequences, all frames"
    numbers = dict(means["numbers"])
    assert numbers["TSED"] == f"{found['tsed']['tsed']['mean']:.3f}"
    assert numbers["PSNR (dB)"] == f"{found['images']['all']['psnr']['mean']:.4g}"
    assert page.index('id="means"') < page.index('id="chooser"') < page.index('id="numbers"')
    text = (made / "samples" / "small" / "results.md").read_text()
    assert (
        "# Protocol small" in text
        and "3 of 3 sequences" in text
        and "| TSED |" in text
        and "not comparable with FID" in text
    )


def test_again_it_keeps_what_is_there(made):
    before = {path: path.stat().st_mtime_ns for path in (made / "samples").rglob("*ims/*.png")}
    before |= {path: path.stat().st_mtime_ns for path in (made / "samples").rglob("latents/*")}
    first = results(made)
    run(made)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert results(made) == first


def test_without_sampling_what_is_missing_is_said_and_the_rest_evaluated(made, capsys):
    pinned = read_protocol(made / "small.yaml").sequences[0]
    images = made / "samples" / "small" / pinned.id / "samples" / "00000000" / "images"
    images.rename(images.parent / "elsewhere")
    try:
        with pytest.raises(ValueError, match="incomplete: 1 thing"):
            run(made, "--no-sampling", "--metrics", "psnr", sampling=False)
        assert (
            f"{pinned.id}/samples/00000000: no images; expected frames" in capsys.readouterr().err
        )
        assert (
            results(made)["sequences"] == {"in the protocol": 3, "evaluated": 2}
            and len(results(made)["missing"]) == 1
        )
    finally:
        (images.parent / "elsewhere").rename(images)


def test_a_sequence_without_its_video_is_left_out(made, capsys):
    video = made / "data" / "train" / "videos" / "video1.mp4"
    video.rename(made / "video1.mp4")
    try:
        with pytest.raises(ValueError, match="incomplete: 1 thing"):
            run(made, "--metrics", "psnr")
        assert "left out: no video video1; download-videos.py" in capsys.readouterr().err
    finally:
        (made / "video1.mp4").rename(video)


def test_a_return_trip_ends_where_it_began(made, tmp_path):
    sequences = choose_sequences(
        load_poses(made / "data" / "train" / "poses.npy"), 1, frames=3, every=2
    )
    protocol = Protocol(sequences, "test", return_trip=True)
    (folder,), problems = make_samples(tmp_path, protocol, made / "data" / "train")
    poses = read_spec(folder / "sampling-spec.json").poses
    assert len(poses) == 5 and np.array_equal(poses, poses[::-1]) and not problems
    true = [(folder / "true-ims" / f"{number:04d}.png").read_bytes() for number in range(5)]
    assert true == true[::-1] and true[0] != true[2]


def test_the_function_gives_the_results_and_prints_nothing(made, capsys):
    folder = made / "samples" / "small"
    protocol = read_protocol(made / "small.yaml")
    found = evaluate_protocol(protocol, folder, made / "data" / "train", metrics=["gmsd"])
    assert capsys.readouterr().out == ""
    assert found.problems == [] and found.runs == [], "nothing was sampled"
    assert json.loads(json.dumps(found.content)) == results(made)
    assert set(found.content["images"]["all"]) == {"gmsd", "psnr_of_copying"}
    assert [path.name for path in found.files] == ["results.json", "results.md", "report.html"]
    assert [name for name, _ in found.reports] == [
        f"{one.id}/00000000" for one in protocol.sequences
    ]


def test_of_two_processes_both_sample_and_the_first_evaluates(made, tmp_path, monkeypatch):
    """Threads instead of processes: leases tell them apart as well."""
    monkeypatch.setattr(groups, "MOST_RUNS", 1)  # three runs are to be shared
    protocol, model = (
        read_protocol(made / "small.yaml"),
        open_model(made, made / "tiny.safetensors"),
    )

    def work(folder, rank=0, count=1):
        process = Process(torch.device("cpu"), rank, count)
        place, method = (tmp_path / folder / "small", made / "data" / "train"), Method(steps=2)
        metrics = ["psnr"]
        return evaluate_protocol(protocol, *place, model, method, metrics=metrics, process=process)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda rank: work("two", rank, 2), range(2))
    assert second is None and first.problems == []
    assert first.content == work("one").content


def test_a_made_up_split_that_is_not_there_comes_with_the_commands_that_make_it(tmp_path):
    """They are those of docs/evaluation.md, and photonvs knows them."""
    words = ["--protocol", "rooms", "--no-sampling", "--instance-data", str(tmp_path)]
    with pytest.raises(FileNotFoundError) as raised:
        main([*words, "--data", str(tmp_path / "my data" / "test")])
    said = str(raised.value)
    assert "\n" not in said and said.startswith(f"{tmp_path}/my data/test: no data")
    commands = said.split("make it with: ")[1].split(" && ")
    documented = (BASE / "docs" / "evaluation.md").read_text()
    for command in commands:
        start, folder = command.split(" --data ")
        assert f"\n{start}\n" in documented and shlex.split(folder) == [f"{tmp_path}/my data"]
    assert [command.split()[1] for command in commands] == ["make-rooms", "extract-poses"]


def test_other_clips_than_the_protocols_also_name_the_commands(made, tmp_path):
    protocol = read_protocol(find_protocol("rooms"))
    with pytest.raises(ValueError, match="make it with: photonvs make-rooms test --clips 4 "):
        make_samples(tmp_path, protocol, made / "data" / "train")
    split = BASE / "dataset-data" / "data" / "test"
    assert "--data" not in _commands(protocol, split), "the folder that commands take anyway"
