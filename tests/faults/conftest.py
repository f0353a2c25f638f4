"""The fault bench: what every command and reader does when the world goes wrong.

`make test-faults` runs it. SEED=7 chooses other random numbers; it is printed at the end.
"""

import os
import threading
from collections import Counter
from pathlib import Path

import pytest
import world as worlds
from jobs import command
from video_server import Server, make_video

SEED = int(os.environ.get("SEED", 0))
COUNTS: Counter[str] = Counter()
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.faults)


def pytest_terminal_summary(terminalreporter):
    if COUNTS:
        counts = ", ".join(f"{count} {name}" for name, count in sorted(COUNTS.items()))
        terminalreporter.write_line(f"faults with SEED={SEED}: {counts}")


@pytest.fixture(scope="session")
def counts():
    """What was done, for the last line."""
    return COUNTS


@pytest.fixture(scope="session")
def seed():
    """Of the bench's random numbers."""
    return SEED


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A server of videos on this machine."""
    serving = Server(make_video(tmp_path_factory.mktemp("web") / "video.mp4"))
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield serving.url
    serving.shutdown()


@pytest.fixture(scope="session")
def world(tmp_path_factory, server):
    """The world before any fault; not to be written to."""
    place = tmp_path_factory.mktemp("faults") / "world"
    worlds.build(place, server)
    done = worlds.COMMANDS["sample-trajectory"].line(place)
    done[done.index("samples/room")] = "samples/done"
    protocol = worlds.COMMANDS["make-protocol"].line(place)
    protocol[1] = str(place / "protocol.yaml")
    train = worlds.COMMANDS["train"].line(place)
    train[train.index(str(place / "t"))] = str(place / "trained")
    latents = worlds.COMMANDS["encode-latents"].line(place)
    latents[latents.index(str(place / "new-latents"))] = str(place / "latents")
    for line in (done, protocol, train, latents):
        outcome = command(line, place.with_name("output.txt")).wait()
        assert outcome.code == 0, outcome.text
    return place


@pytest.fixture(scope="session")
def references(world, tmp_path_factory):
    """references(name): what an undisturbed command leaves, as a `Reference`."""
    found = {}

    def reference(name):
        if name not in found:
            found[name] = worlds.refer(
                worlds.COMMANDS[name], world, tmp_path_factory.mktemp("reference")
            )
        return found[name]

    return reference
