"""Watching a training on several processes: they share the paths, and the numbers are the same."""

import pytest
import torch
import training_task
from test_distributed import two

from photonvs.config import load_config
from photonvs.evaluation.validation import Validation
from photonvs.models import build_first_stage
from photonvs.sampling import groups
from photonvs.training.reconstruction import reconstruction_quality
from photonvs.training.score import ScoreTask

STEP = 7


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    footage = training_task.write_footage(tmp_path_factory.mktemp("data"))
    watched = f"data.validation={footage}", "data.validation_frames=3", "data.validation_every=2"
    return load_config("realestate10k", training_task.settings(footage, *watched))


def task_of(config, folder, process):
    """A task whose averaged weights are not zero, as new ones are."""
    task = ScoreTask(config, folder, process)
    torch.manual_seed(1)
    for weight in task.ema.shadow_params:
        torch.nn.init.normal_(weight, std=0.1)
    return task


def images(folder):
    found = folder.glob(f"*/samples/{STEP:08d}/images/*.png")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_processes_share_the_paths_and_find_the_same_numbers(config, tmp_path, monkeypatch):
    monkeypatch.setattr(groups, "MOST_RUNS", 1)  # three paths are to be shared

    def validate(folder):
        def work(process):
            made, write_png = set(), groups.Run.write_image
            note = lambda run, *more: made.add(run.place.title) or write_png(run, *more)  # noqa: E731
            monkeypatch.setattr(groups.Run, "write_image", note)
            return Validation(task_of(config, folder, process), folder)(STEP), made

        return work

    ((_, (alone, all_of_them)),) = two(validate(tmp_path / "one"), count=1)
    (_, (first, ones)), (_, (second, others)) = two(validate(tmp_path / "two"))
    assert first == second == alone and alone["psnr"] > 0
    assert ones and others and ones | others == all_of_them and not ones & others
    assert (
        images(tmp_path / "two") == images(tmp_path / "one") and len(images(tmp_path / "one")) == 9
    )


@pytest.mark.parametrize("failing", [0, 1])
def test_a_full_disk_of_one_process_is_said_in_all(config, tmp_path, monkeypatch, failing):
    def work(process):
        validation = Validation(task_of(config, tmp_path, process), tmp_path)
        if process.rank == failing:
            monkeypatch.setattr(groups.Run, "write_latent", no_room)
        try:
            validation(STEP)
        except OSError as error:
            return str(error)

    def no_room(*_):
        raise OSError(28, "No space left on device", "0001.npy")

    monkeypatch.setattr(groups, "MOST_RUNS", 1)
    assert two(work) == [("done", "[Errno 28] No space left on device: '0001.npy'")] * 2


def test_a_first_stage_is_measured_alike_by_any_number_of_processes(config):
    torch.manual_seed(0)
    stage = build_first_stage(config.first_stage)
    frames = [{"image": torch.randint(0, 256, (3, 16, 16), dtype=torch.uint8)} for _ in range(27)]
    encode = stage.encode
    stage.encode = lambda images: encode(
        images * (len(images) / 16)
    )  # the batch makes a difference

    def work(process):
        return reconstruction_quality(stage, frames, 27, process)

    ((_, alone),) = two(work, count=1)
    assert two(work, count=3) == [("done", alone)] * 3
    assert alone["psnr"] < 30
