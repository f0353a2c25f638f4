"""What the one who watches a training sees."""

import logging

import pytest
import torch
import training_task

from photonvs.config import load_config
from photonvs.training import live_line
from photonvs.training.live_line import LiveLine
from photonvs.training.score import train


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until a test moves it: a list with the time."""
    time = [1000.0]
    monkeypatch.setattr(live_line.time, "monotonic", lambda: time[0])
    return time


def shown(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_away_from_a_terminal_a_line_comes_for_the_first_step_each_minute_and_at_the_end(
    clock, caplog
):
    caplog.set_level(logging.INFO)
    with LiveLine(0, 0, 1000, None) as line:
        for step in range(1, 201):
            clock[0] += 1.0
            line.update(step, 8 * step, torch.tensor(0.5), 0.25 * step, last=step == 200)
    steps = [text.split()[1] for text in shown(caplog)]
    assert steps == ["1/1000", "61/1000", "121/1000", "181/1000", "200/1000"]
    assert shown(caplog)[1] == (
        "step 61/1000  loss 0.5  8.0 samples/s  waiting for data 25%  00:15:39 left"
    )


@pytest.mark.parametrize(("minutes", "left"), [(None, "01:38:20"), (5, "00:03:20")])
def test_the_time_left_is_that_to_the_nearest_limit(clock, caplog, minutes, left):
    caplog.set_level(logging.INFO)
    with LiveLine(0, 0, 60, minutes) as line:
        clock[0] += 100.0
        line.update(1, 8, torch.tensor(1.0), 0.0, last=False)
    assert shown(caplog)[0].endswith(f"{left} left")


def test_the_loss_is_smoothed(clock, caplog):
    caplog.set_level(logging.INFO)
    with LiveLine(0, 0, 1000, None) as line:
        for step in range(1, 101):
            line.update(step, step, torch.tensor(float(step % 2)), 0.0, last=step == 100)
    assert 0.45 < float(shown(caplog)[-1].split()[3]) < 0.55


@pytest.mark.parametrize("skipped", [(1,), (50, 99), (100,)])
def test_a_loss_that_is_not_finite_leaves_the_others(clock, caplog, skipped):
    caplog.set_level(logging.INFO)
    with LiveLine(0, 0, 1000, None) as line:
        for step in range(1, 101):
            loss = torch.tensor(torch.nan if step in skipped else 0.25)
            line.update(step, step, loss, 0.0, last=step == 100)
    assert shown(caplog)[-1].split()[3] == "0.25"


def test_on_a_terminal_one_line_stays(clock, capsys, monkeypatch):
    monkeypatch.setattr(live_line.sys.stderr, "isatty", lambda: True, raising=False)
    with LiveLine(0, 0, 10, None) as line:
        for step in range(1, 11):
            clock[0] += 1.0
            line.update(step, step, torch.tensor(1.0), 0.0, last=step == 10)
    printed = capsys.readouterr().err
    assert "\rstep 3/10" in printed and "\rstep 10/10" in printed
    assert printed.count("\n") == 1


def test_a_training_says_what_it_trains_and_what_it_left(tmp_path, caplog, monkeypatch):
    monkeypatch.chdir(tmp_path)
    footage = training_task.write_footage(tmp_path / "data")
    more = "training.log_every=50", f"data.validation={footage}", "training.validate_every=0"
    config = load_config("realestate10k", training_task.settings(footage, *more))
    config.training.validate_every = 6

    def validation(task, folder):
        return lambda step: {"psnr": 12.5}

    with caplog.at_level(logging.INFO):
        train(config, tmp_path / "mine", "cpu", validation)
    lines = "\n".join(shown(caplog)).splitlines()
    first = next(line for line in lines if line.startswith("training "))
    assert f"a score network on 3 sequences of videos in {footage}/videos; " in first
    assert " parameters; cpu, float32, batch 8; " in first
    assert first.endswith(" floating-point operations a step")
    assert [line.split()[1] for line in lines if line.startswith("step ")] == ["1/6", "6/6"]
    assert "validation of step 6: psnr 12.5" in lines
    end = lines.index(
        f"trained to step 6 of 6; the weights are the newest of {tmp_path}/mine/checkpoints"
    )
    assert lines[end + 1 :] == [
        "next: photonvs make-trajectory pan --image PHOTO -o samples/pan --instance-data mine",
        "      photonvs sample-trajectory -o samples/pan --instance-data mine",
    ]
