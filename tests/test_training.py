"""Training: what a step does, and that stopping, going on and sharing the work change nothing."""

import logging
import multiprocessing
import os
import random
import signal
import subprocess
import time

import numpy as np
import pytest
import torch
import training_task
from torch.testing import assert_close

from photonvs.commands.train import main
from photonvs.config import load_config
from photonvs.evaluation.validation import Validation
from photonvs.models import build_denoiser, load_denoiser, save_weights
from photonvs.training.score import ScoreTask, train
from photonvs.training.steps import rate_factor
from photonvs.training.trainer import Trainer
from photonvs.utils.checkpoint import (
    list_checkpoints,
    load_checkpoint,
    load_newest_checkpoint,
    save_checkpoint,
)
from photonvs.utils.distributed import Process
from photonvs.utils.images import read_frame, read_square


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    return training_task.write_footage(tmp_path_factory.mktemp("data"))


@pytest.fixture
def configured(footage):
    return lambda *more: load_config("realestate10k", training_task.settings(footage, *more))


def final(instance_data) -> dict:
    return load_checkpoint(list_checkpoints(instance_data / "checkpoints")[-1])


def assert_same_training(one: dict, other: dict, **tolerance) -> None:
    assert (one["total_iterations"], one["samples"]) == (
        other["total_iterations"],
        other["samples"],
    )
    assert_close(dict(one["score_sde_model"]), dict(other["score_sde_model"]), **tolerance)
    assert_close(one["ema"]["shadow_params"], other["ema"]["shadow_params"], **tolerance)
    assert_close(one["optimizer"]["state"], other["optimizer"]["state"], **tolerance)


@pytest.fixture(scope="module")
def whole(footage, tmp_path_factory):
    """A run of six steps in one go."""
    instance_data = tmp_path_factory.mktemp("whole")
    train(load_config("realestate10k", training_task.settings(footage)), instance_data, "cpu")
    return instance_data


def test_denormal_numbers_are_numbers_again_after_a_run(whole):
    assert torch.tensor(1e-310, dtype=torch.float64) * 1 > 0


def test_a_run_leaves_what_is_needed_to_go_on_and_to_sample(whole, configured):
    assert [path.name for path in list_checkpoints(whole / "checkpoints")] == [
        f"{epoch:04d}-00000000.pth" for epoch in (5, 10, 16)
    ]  # after 16, 32 and 48 samples of three sequences
    assert (whole / "checkpoints" / "config.yaml").is_file()
    denoiser = load_denoiser(list_checkpoints(whole / "checkpoints")[-1])
    assert denoiser.config == configured().model
    names = [name for name, parameter in denoiser.named_parameters() if parameter.requires_grad]
    assert_close(
        [denoiser.get_parameter(name).data for name in names], final(whole)["ema"]["shadow_params"]
    )
    assert len(training_task.logged(whole, "training/loss")) == 6
    assert list((whole / "logs").glob("events.out.tfevents.*"))


def test_learning_rate_warms_up(whole):
    rates = training_task.logged(whole, "training/learning_rate")
    assert rates == pytest.approx([1e-3 / 3, 2e-3 / 3, 1e-3, 1e-3, 1e-3, 1e-3])


def test_learning_rate_decays_to_zero_by_the_last_step(configured):
    settings = configured("training.steps=8", "training.decay_steps=4").training
    factors = [rate_factor(settings, step) for step in range(8)]
    assert factors == pytest.approx([1 / 3, 2 / 3, 1, 1, 1, 3 / 4, 2 / 4, 1 / 4])


def test_a_new_training_starts_from_weights_that_are_there(whole, configured, tmp_path):
    published, exported = (
        list_checkpoints(whole / "checkpoints")[-1],
        tmp_path / "exported.safetensors",
    )
    trained = load_denoiser(published)
    save_weights(exported, trained)
    for weights in (published, exported):
        config = configured(f"training.initial_weights={weights}", "diffusion.sigma_max=30")
        task = ScoreTask(config, tmp_path, Process(torch.device("cpu")))
        assert_close(
            dict(task.denoiser.named_parameters()), dict(trained.named_parameters()), rtol=0, atol=0
        )
        assert task.denoiser.config.diffusion.sigma_max == 30
    with pytest.raises(
        ValueError,
        match=r"exported.safetensors: denoiser.channels is 8 in the file and 16 in the settings",
    ):
        train(
            configured(f"training.initial_weights={exported}", "denoiser.channels=16"),
            tmp_path,
            "cpu",
        )


def test_a_training_goes_on_from_its_checkpoint_not_from_the_first_weights(
    whole, configured, tmp_path
):
    start = f"training.initial_weights={list_checkpoints(whole / 'checkpoints')[0]}"
    train(configured("training.steps=6", start), tmp_path / "whole", "cpu")
    for steps in (2, 6):
        train(configured(f"training.steps={steps}", start), tmp_path / "parts", "cpu")
    assert_same_training(final(tmp_path / "parts"), final(tmp_path / "whole"), rtol=0, atol=0)


def test_stopping_and_going_on_changes_no_bit(whole, configured, tmp_path):
    for steps in (1, 4, 6):
        train(configured(f"training.steps={steps}"), tmp_path, "cpu")
    assert_same_training(final(tmp_path), final(whole), rtol=0, atol=0)


def test_statistics_hold_each_step_once(configured, tmp_path):
    train(configured("training.steps=3"), tmp_path, "cpu")
    list_checkpoints(tmp_path / "checkpoints")[
        -1
    ].unlink()  # as if it had been killed before it could save step 3
    with (tmp_path / "logs" / "stats.jsonl").open("a") as file:
        file.write('{"step": 4, "samp')
    train(configured("training.steps=5"), tmp_path, "cpu")
    assert training_task.logged(tmp_path, "step") == [1, 2, 3, 4, 5]


def test_workers_change_nothing(whole, configured, tmp_path):
    train(configured("data.workers=2"), tmp_path, "cpu")
    assert_same_training(final(tmp_path), final(whole), rtol=0, atol=0)


def test_sharing_the_work_changes_nothing_in_twenty_steps(footage, configured, tmp_path):
    one, parts, two = (tmp_path / name for name in ("one", "parts", "two"))
    train(configured("training.steps=20"), one, "cpu")
    train(configured("training.steps=20", "training.accumulation=2"), parts, "cpu")
    training_task.run(two, training_task.settings(footage, "training.steps=13"), processes=2)
    output = training_task.run(
        two, training_task.settings(footage, "training.steps=20")
    )  # and one goes on
    assert "step 13" in output
    losses = training_task.logged(one, "training/loss")
    assert len(losses) == 20
    for shared in (parts, two):
        assert training_task.logged(shared, "training/loss") == pytest.approx(losses, rel=1e-4)
        assert_same_training(final(shared), final(one), rtol=1e-3, atol=1e-4)


class Recorder:
    """A task that only notes the numbers of the samples that it gets, step by step and part by
    part.
    """

    model_sections = ()
    network, title = torch.nn.Linear(2, 3), "a recorder on nothing"

    def __init__(self, config):
        self.config, self.dataset, self.seen = config, Endless(), []

    def update(self, batches, step):
        self.seen.append([batch["number"].tolist() for batch in batches])
        return {"loss": torch.zeros(())}

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass

    def blank_loss(self):
        return self.network(torch.zeros(1, 2)).sum()


class Endless(torch.utils.data.Dataset):
    """Empty samples; three an epoch."""

    def __len__(self):
        return 3

    def __getitem__(self, number):
        return {}


class Unconnected(Process):
    """One of several processes, without the others."""

    def any(self, flag):
        return flag

    def sum(self, values):
        return values

    def from_first(self, value):
        return value


@pytest.mark.parametrize(
    ("count", "accumulation"), [(1, 1), (2, 1), (1, 2), (2, 2), (4, 1), (1, 8)]
)
def test_samples_come_in_the_same_order_however_they_are_shared(
    configured, tmp_path, count, accumulation
):
    stop = random.Random(count + accumulation).randrange(1, 20)
    ranks = []
    for rank in range(count):
        recorder = Recorder(
            configured(f"training.accumulation={accumulation}", "training.checkpoint_every=0")
        )
        for steps in (stop, 20):
            recorder.config.training.steps = steps
            folder = tmp_path / str(rank)
            trainer = Trainer(
                recorder, folder, folder, Unconnected(torch.device("cpu"), rank, count)
            )
            if steps == 20:
                trainer.step, trainer.samples = (
                    stop,
                    8 * stop,
                )  # the first process alone has a checkpoint
            trainer.run()
        ranks.append(recorder.seen)
    for step, parts in enumerate(zip(*ranks, strict=True)):  # of each process
        numbers = [
            number for shares in zip(*parts, strict=True) for share in shares for number in share
        ]
        assert numbers == list(range(8 * step, 8 * step + 8))
    assert step == 19


def test_a_signal_or_a_stop_file_saves_and_ends(footage, tmp_path):
    for how in ("signal to all", "file"):
        instance_data = tmp_path / how
        endless = training_task.settings(footage, "training.steps=100000", "data.workers=1")
        line = training_task.command(instance_data, endless)
        process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, start_new_session=True)
        while not list_checkpoints(instance_data / "checkpoints"):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        if how == "signal to all":
            os.killpg(
                process.pid, signal.SIGTERM
            )  # the workers of the data loader too, as Slurm does
        else:
            (instance_data / "checkpoints" / "stop").touch()
        errors = process.communicate(timeout=60)[1]
        assert process.returncode == 0, errors
        assert "saving and ending" in errors
        assert final(instance_data)["total_iterations"] == len(
            training_task.logged(instance_data, "training/loss")
        )


def test_settings_of_another_model_are_refused(whole, configured):
    values = r"diffusion.sigma_max is 20.0 in the file and 30.0 in the settings"
    other = rf"pth: {values}; use the same, or another --instance-data"
    with pytest.raises(ValueError, match=other):
        train(configured("training.steps=7", "diffusion.sigma_max=30"), whole, "cpu")


def test_a_batch_that_cannot_be_shared_is_refused(configured, tmp_path):
    with pytest.raises(
        ValueError,
        match="batch_size 8 cannot be shared by 1 processes in 3 parts each: take a multiple of 3",
    ):
        train(configured("training.accumulation=3"), tmp_path, "cpu")


def test_a_model_that_cannot_be_is_refused_before_the_data_are_read(configured, tmp_path):
    with pytest.raises(ValueError, match=r"latent_channels 4 and .*: expected 12 and 8"):
        train(configured("denoiser.latent_channels=4", "data.poses=nowhere"), tmp_path, "cpu")


def test_checkpoints_of_earlier_versions_go_on(whole, configured, tmp_path):
    """They don't have the setting diffusion.loss_weighting."""
    earlier = load_checkpoint(list_checkpoints(whole / "checkpoints")[0])
    del earlier["config"]["diffusion"]["loss_weighting"]
    save_checkpoint(tmp_path / "checkpoints" / "0005-00000000.pth", earlier)
    train(configured(), tmp_path, "cpu")
    assert_same_training(final(tmp_path), final(whole), rtol=0, atol=0)


def test_missing_data_and_weights_are_named(configured, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere/poses.npy.*extract-poses"):
        train(configured("data.poses=nowhere/poses.npy"), tmp_path, "cpu")
    with pytest.raises(FileNotFoundError, match="no first-stage weights"):
        vqgan = "first_stage.kind=vqgan", "first_stage.image_size=64", "denoiser.latent_channels=4"
        train(configured(*vqgan), tmp_path, "cpu")


def test_a_finished_training_says_so(whole, footage, caplog):
    with caplog.at_level(logging.INFO):
        main(["--instance-data", str(whole), "--device", "cpu", *training_task.settings(footage)])
    assert "step 6 of 6 is done already" in caplog.text


def test_training_lowers_the_loss_and_the_pictures_show_it(configured, tmp_path):
    config = configured(
        "training.steps=60",
        "training.learning_rate=4e-3",
        "training.checkpoint_every=60",
        "training.log_every=20",
    )
    train(config, tmp_path, "cpu")
    losses = training_task.logged(tmp_path, "training/loss")
    assert losses[-1] < 0.85 * losses[0]
    task = ScoreTask(config, tmp_path, Process(torch.device("cpu")))
    grid = task.pictures()["samples/given_generated_true"]
    assert grid.shape == (3, 3 * 16, 4 * 16)
    assert grid.min() >= 0 and grid.max() <= 1


def test_validation_scores_frames_made_with_the_averaged_weights(footage, configured, tmp_path):
    validation = f"data.validation={footage}", "data.validation_sequences=2"
    config = configured(
        *validation,
        "data.validation_frames=3",
        "data.validation_every=2",
        "training.validate_every=1",
        "training.steps=1",
    )
    train(config, tmp_path, "cpu", Validation)
    assert len(list((tmp_path / "validation").glob("*/samples/00000001/images/*.png"))) == 6
    errors = []
    for made in (tmp_path / "validation").glob("*/samples/00000001/images/000[12].png"):
        true = read_square(made.parents[3] / "true-ims" / made.name, 16)
        errors.append(np.mean((read_frame(made) / 255.0 - true / 255.0) ** 2))
    assert len(errors) == 4
    (psnr,) = training_task.logged(tmp_path, "validation/psnr")
    assert psnr == pytest.approx(np.mean(-10 * np.log10(errors)), rel=1e-6)
    # Frames of 16 pixels have no matches.
    assert training_task.logged(tmp_path, "validation/tsed") == [0]


def test_a_training_that_cannot_be_written_keeps_the_checkpoint_before(
    whole, configured, tmp_path, monkeypatch, caplog
):
    from photonvs.training import trainer

    saves = []

    def full_disk_at_first(path, state):
        saves.append(path)
        if len(saves) == 1:
            raise OSError(28, "No space left on device")
        original(path, state)

    original = trainer.save_checkpoint
    monkeypatch.setattr(trainer, "save_checkpoint", full_disk_at_first)
    train(configured(), tmp_path, "cpu")
    assert "could not be written" in caplog.text and "No space left" in caplog.text
    assert_same_training(final(tmp_path), final(whole), rtol=0, atol=0)


@pytest.mark.slow
def test_kills_at_any_moment_lose_nothing(configured, tmp_path):
    """25 kills: some while the program starts, the others soon after a checkpoint's birth, as
    likely while one is written.
    """
    more = "training.checkpoint_every=1", "training.keep_checkpoints=2", "training.log_every=50"
    config, folder = (
        configured("training.steps=1000000", *more),
        tmp_path / "killed" / "checkpoints",
    )
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["photonvs.training.score"])
    source, steps = random.Random(0), []
    for kill in range(25):
        before = set(folder.glob("[0-9]*"))
        process = context.Process(target=train, args=(config, tmp_path / "killed", "cpu"))
        process.start()
        while kill % 5 and process.is_alive() and set(folder.glob("[0-9]*")) <= before:
            time.sleep(0.005)
        process.join(source.uniform(0, 0.2))
        assert process.exitcode is None
        process.kill()
        process.join()
        newest = load_newest_checkpoint(folder)
        steps.append(newest[1]["total_iterations"] if newest else 0)
    assert steps == sorted(steps) and steps[-1] >= 20, "nothing that was saved was lost"
    config.training.steps = steps[-1] + 2
    train(config, tmp_path / "killed", "cpu")
    config.training.checkpoint_every = 0
    train(config, tmp_path / "whole", "cpu")
    assert_same_training(final(tmp_path / "killed"), final(tmp_path / "whole"), rtol=0, atol=0)


@pytest.mark.slow
def test_the_published_configuration_takes_two_steps(footage, published_ckpt, tmp_path):
    """The whole network and first stage, a pair a step."""
    settings = [
        f"data.poses={footage}/poses.npy",
        f"data.videos={footage}/videos",
        f"data.first_stage={published_ckpt}",
    ]
    settings += [
        "data.workers=0",
        "training.batch_size=1",
        "training.steps=2",
        "training.log_every=1",
    ]
    settings += ["training.warmup_steps=0"]  # else the first steps are too small for float32
    config = load_config("realestate10k", settings)
    train(config, tmp_path, "cpu")
    losses = training_task.logged(tmp_path, "training/loss")
    assert len(losses) == 2 and all(0 < loss < 1e6 for loss in losses)
    torch.manual_seed(config.training.seed)
    begun, trained = (
        build_denoiser(config.model),
        load_denoiser(list_checkpoints(tmp_path / "checkpoints")[-1], weights="raw"),
    )
    outputs = [
        name
        for name, _ in begun.named_parameters()
        if "decoder_modules" in name and "conv3x3.weight" in name
    ]
    assert outputs  # what lies before these layers, which begin near zero, moves later
    for name in outputs:
        assert not torch.equal(begun.get_parameter(name), trained.get_parameter(name)), name
