"""Several processes that share runs: who draws which, and that nobody sees it in the files."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest
import torch
from repository import SCRIPTS
from sampling_task import CHAIN, CONFIG, contents, sample, write_task

from photonvs.commands.sample_trajectory import main
from photonvs.models import build_denoiser, load_denoiser, save_weights
from photonvs.sampling.groups import grouped, held_in_turn
from photonvs.sampling.method import Method
from photonvs.sampling.runs import open_runs
from photonvs.sampling.shown import Shown
from photonvs.utils.distributed import Process
from photonvs.utils.leases import HeldElsewhereError, lease

CPU = torch.device("cpu")
SUMMARY = "video.mp4", "contact-sheet.png", "run.json"


def tasks(folder, count=8, frames=5):
    """Folders of paths in a chain."""
    return [write_task(folder / f"samples/{number}", CHAIN[:frames]) for number in range(count)]


def sizes(groups):
    return [len(group) for group in groups]


def test_on_a_cpu_groups_are_the_same_for_any_number_of_processes(tmp_path):
    opened = open_runs(tasks(tmp_path, 3), range(3))
    alone = grouped(opened, 8, CPU, Process(CPU))
    assert sizes(alone) == [3, 3, 3] and [*chain(*alone)] == opened
    for count in (2, 3, 16):
        assert grouped(opened, 8, CPU, Process(CPU, 0, count)) == alone
    assert sizes(grouped(opened, 2, CPU, Process(CPU))) == [1, 2, 2, 2, 2]


def test_too_many_processes_are_told(tmp_path, caplog):
    opened = open_runs(tasks(tmp_path, 3), range(3))
    groups = grouped(opened, 8, CPU, Process(CPU))
    for count in (3, 16):
        Shown(groups, Method(steps=1), Process(CPU, 0, count), progress=True).bar.close()
    said = "9 runs in 3 groups: 13 of 16 processes have none; take a smaller --batch-size"
    assert caplog.messages == [said]


def test_on_a_gpu_there_is_a_group_for_every_process(tmp_path):
    gpu = torch.device("cuda")
    opened = open_runs(tasks(tmp_path, 3), range(6))
    found = {count: sizes(grouped(opened, 8, gpu, Process(gpu, 0, count))) for count in (1, 2, 9)}
    assert found == {1: [6, 6, 6], 2: [6, 6, 6], 9: [2] * 9}
    assert sizes(grouped(opened[:8], 8, gpu, Process(gpu, 0, 8))) == [1] * 8


def test_runs_of_equal_length_are_drawn_together(tmp_path):
    short, long = tasks(tmp_path / "a", 4, frames=2), tasks(tmp_path / "b", 4)
    mixed = [one for pair in zip(short, long, strict=True) for one in pair]
    first, second = grouped(open_runs(mixed, [0]), 8, CPU, Process(CPU))
    assert [run.place.sample.directory for run in [*first, *second]] == [*long, *short]


def test_what_another_process_holds_is_left_to_it(tmp_path):
    groups = grouped(open_runs(tasks(tmp_path, 3), [0]), 1, CPU, Process(CPU))
    with lease(groups[1][0].folder):
        second = list(held_in_turn(groups, Process(CPU, 1, 2)))
        with pytest.raises(HeldElsewhereError):
            list(held_in_turn(groups, Process(CPU)))
    assert second == [[groups[0]], [groups[2]]], "nothing is its own, and the first one is behind"


def test_two_processes_draw_the_same_files_as_one(tmp_path):
    """Threads instead of processes: leases tell them apart as well."""
    alone = sample(*tasks(tmp_path / "one", 4, frames=3), runs=range(2))
    folders = tasks(tmp_path / "two", 4, frames=3)
    sample(folders[0])  # is there before

    def work(rank):
        return sample(*folders, runs=range(2), process=Process(CPU, rank, 2))

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(work, range(2))
    there, *_ = first
    assert there.place.title == "0/00000000" and not there.made, "the first returns it"
    assert all(len(run.made) == 3 for run in [*first[1:], *second])
    drawn = [run.place.title for run in [*first, *second]]
    assert len(drawn) == 8 and sorted(drawn) == [run.place.title for run in alone]
    for run in alone:
        other = tmp_path / "two" / run.folder.relative_to(tmp_path / "one")
        kinds = ("latents/*", "images/*", *SUMMARY)
        assert contents(other, *kinds) == contents(run.folder, *kinds)


def test_the_first_process_ends_last_and_makes_what_is_left(tmp_path):
    folders = tasks(tmp_path, 8, frames=2)
    held = open_runs(folders, [0])[-1].folder
    with ThreadPoolExecutor(2) as pool:
        with lease(held):
            done = [
                pool.submit(sample, *folders, process=Process(CPU, rank, 2)) for rank in range(2)
            ]
            made = done[1].result(timeout=60)
            time.sleep(0.2)
            assert len(made) < 8 and not done[0].done()
        assert len(done[0].result(timeout=60)) + len(made) == 8


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file with the weights of a tiny score network whose first stage needs no file.

    None of them is zero, as new ones are, so that the batch makes a difference.
    """
    torch.manual_seed(0)
    denoiser = build_denoiser(CONFIG).eval()
    for weight in denoiser.parameters():
        if weight.requires_grad:
            torch.nn.init.normal_(weight, std=0.1)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_weights(path, denoiser)
    return path


@pytest.mark.parametrize("there", [5, 14])
def test_no_bit_tells_when_drawing_was_interrupted(tmp_path, weights, there):
    """Of 18 frames of six runs, so many are there, of the last batch two of three."""
    whole, order = tasks(tmp_path / "whole", 2, frames=4), []
    denoiser = load_denoiser(weights)
    store = lambda run, index, _: order.append((run.folder, index))  # noqa: E731
    runs = sample(*whole, denoiser=denoiser, runs=range(3), stored=store)
    before = {run.folder: contents(run.folder, "*/*", *SUMMARY) for run in runs}
    for folder, index in order[there:]:
        (folder / f"latents/{index:04d}.npy").unlink()
        (folder / f"images/{index:04d}.png").unlink()
    again = sample(*whole, denoiser=denoiser, runs=range(3))
    assert sum(len(run.made) for run in again) == 18 - there
    assert {run.folder: contents(run.folder, "*/*", *SUMMARY) for run in again} == before


def holders(folder):
    """The processes that hold runs."""
    files = folder.glob("samples/*/samples/.*.lease")
    return {json.loads(file.read_text() or "{}").get("process") for file in files} - {None}


@pytest.mark.slow
def test_a_killed_process_is_made_up_for_by_the_next_start(tmp_path, weights):
    """torchrun ends the other process as well; started again, both finish what is left."""
    names = [f"samples/{number}" for number in range(8)]
    words = ["-o", *names, "--checkpoint", str(weights), "--sampler", "ancestral", "--steps", "100"]
    words += ["--device", "cpu", "--instance-data"]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    line = [*launcher, str(SCRIPTS / "sample-trajectory.py"), *words, str(tmp_path / "two")]
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    tasks(tmp_path / "one")
    folders = tasks(tmp_path / "two")
    with subprocess.Popen(line, env=environment, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 120
        while len(holders(tmp_path / "two")) < 2 or not any(
            (folder / "samples/00000000/latents/0001.npy").exists() for folder in folders
        ):
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.01)
        os.kill(max(holders(tmp_path / "two")), 9)
    assert process.returncode != 0
    latents = list((tmp_path / "two").rglob("latents/*.npy"))
    assert 0 < len(latents) < 8 * 5
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    made = sorted(row for row in done.stdout.splitlines() if "00000000: " in row)
    assert [row.split("/samples/")[1] for row in made] == [str(number) for number in range(8)]
    assert done.stdout.count("weights: ") == 1
    main([*words, str(tmp_path / "one")])
    kinds = ("**/latents/*", "**/images/*", *(f"**/{name}" for name in SUMMARY))
    assert contents(tmp_path / "two", *kinds) == contents(tmp_path / "one", *kinds)
