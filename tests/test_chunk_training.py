"""Training from chunks, killed without warning, ends as one that was not."""

import os
import subprocess
import time

import pytest
import torch
from training_task import chunk_settings, command, run

from photonvs.utils.checkpoint import list_checkpoints, load_checkpoint

STEPS = 20


@pytest.mark.slow
def test_a_killed_training_from_chunks_goes_on_bit_for_bit(tmp_path):
    steps = f"training.steps={STEPS}"
    words = chunk_settings(tmp_path, steps, "training.checkpoint_every=2")
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command(killed, words), env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while len(list((killed / "checkpoints").glob("[0-9]*.pth"))) < 2:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    stopped = load_checkpoint(list_checkpoints(killed / "checkpoints")[-1])["total_iterations"]
    assert 4 <= stopped < STEPS
    assert f"going on from {killed}" in run(killed, words)
    run(whole, words)
    ends = [load_checkpoint(list_checkpoints(one / "checkpoints")[-1]) for one in (killed, whole)]
    assert [end["total_iterations"] for end in ends] == [STEPS, STEPS]
    for name, tensor in ends[1]["score_sde_model"].items():
        torch.testing.assert_close(ends[0]["score_sde_model"][name], tensor, rtol=0, atol=0)
