"""Two of a command at once: the right result, and at most one line that says who is at work."""

import random
import time

import pytest
from test_kills import check_finished
from world import COMMANDS, fresh

from photonvs.commands import COMMANDS as ALL

# Between the starts of the two, as shares of what one takes alone.
DELAYS = (0.0, 0.5)


def test_the_bench_knows_every_command():
    """But those that write by calling others, and the one that needs a server elsewhere."""
    left_out = {"view", "make-model", "download-weights"}
    assert {command.words.split()[0] for command in COMMANDS.values()} == {*ALL} - left_out


@pytest.mark.parametrize("name", COMMANDS)
def test_two_at_once(name, world, tmp_path, references, counts, seed):
    command, reference = COMMANDS[name], references(name)
    shift = random.Random(f"{seed} {name}").random() / 4
    for number, delay in enumerate(DELAYS):
        copy = fresh(world, tmp_path / f"world{number}")
        first = command.start(copy)
        time.sleep((delay + shift) * reference.seconds)
        outcomes = command.start(copy).wait(), first.wait()
        counts["pairs of commands"] += 1
        for outcome in outcomes:
            held = ": in use by photonvs " in outcome.last and str(copy) in outcome.last
            refused = command.again and command.again in outcome.last
            assert outcome.code == 0 or held or refused, outcome.text
        assert 0 in [outcome.code for outcome in outcomes], "both gave up"
        check_finished(copy, command, reference)
        assert not list(copy.rglob("*.lease"))
