"""Who may reach the page, and what it survives."""

import time

import pytest

from photonvs.viewer.server import (
    LARGEST_UPLOAD,
    MEGABYTE,
    is_loopback,
    is_own_page,
    open_server,
)

viser = pytest.importorskip("viser")
msgspec = pytest.importorskip("msgspec")
from viser import _messages  # noqa: E402
from websockets.exceptions import ConnectionClosed  # noqa: E402
from websockets.sync.client import connect  # noqa: E402


@pytest.fixture
def server():
    server = open_server("127.0.0.1", 0)
    yield server
    server.stop()


def call(server, origin=None, host=None):
    """A connection as the page's own makes it."""
    port = server.get_port()
    return connect(
        f"ws://127.0.0.1:{port}",
        origin=origin and origin.format(port=port),
        additional_headers={"Host": host} if host else None,
        subprotocols=[f"viser-v{viser.__version__}"],
        max_size=None,
    )


def is_answered(server, **headers):
    """Whether a connection gets the page's content."""
    with call(server, **headers) as connection:
        try:
            return bool(connection.recv(timeout=5))
        except ConnectionClosed:
            return False


def test_only_its_own_page_is_answered(server):
    assert is_answered(server)
    assert is_answered(server, origin="http://127.0.0.1:{port}")
    assert not is_answered(server, origin="http://evil.example")
    assert not is_answered(server, origin="http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("origin", "host", "local", "own"),
    [
        (None, "127.0.0.1:8080", True, True),
        ("http://localhost:8080", "localhost:8080", True, True),
        ("http://[::1]:8080", "[::1]:8080", True, True),
        # A foreign name that was made to lead to this machine.
        ("http://evil.example:8080", "evil.example:8080", True, False),
        ("http://workstation:8080", "workstation:8080", False, True),
        ("http://evil.example", "workstation:8080", False, False),
        ("null", "127.0.0.1:8080", True, False),
    ],
)
def test_where_a_connection_may_come_from(origin, host, local, own):
    assert is_own_page(origin, host, local) == own


@pytest.mark.parametrize(
    ("host", "port"), [("192.0.2.1", 0), ("no such host", 0), ("127.0.0.1", 65536)]
)
def test_an_address_at_which_nobody_can_serve_is_said(host, port):
    with pytest.raises(ValueError, match="^--(host|port) .*expected"):
        open_server(host, port)


def test_a_port_in_use_gives_the_next_one(server):
    other = open_server("127.0.0.1", server.get_port())
    assert other.get_port() > server.get_port()
    other.stop()


def test_addresses_of_this_machine():
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.1.2.3", "::1")))
    assert not any(map(is_loopback, ("0.0.0.0", "192.168.1.2", "example.org", "", "::")))


def test_it_survives_garbage_and_clients_that_vanish(server):
    for garbage in (b"", b"\x00" * 100, b"\xff" * 1000, msgspec.msgpack.encode({"type": "x"})):
        with call(server) as connection:
            connection.send(garbage)
    with call(server) as connection:
        connection.send("text")
    vanished = call(server)
    vanished.socket.close()
    with call(server) as first, call(server) as second:
        assert first.recv(timeout=5) and second.recv(timeout=5)


def upload(server, button, size, parts, missing=0):
    """Send a file as the page does, but for some parts; returns the server's unfinished uploads."""
    with call(server) as connection:
        start = _messages.FileTransferStartUpload(
            source_component_uuid=button._impl.uuid,
            transfer_uuid="1",
            filename="a.png",
            mime_type="image/png",
            part_count=len(parts) + missing,
            size_bytes=size,
        )
        send(connection, start)
        for index, content in enumerate(parts):
            part = _messages.FileTransferPart(button._impl.uuid, "1", index, content)
            send(connection, part)
        time.sleep(0.3)
        return dict(server.gui._current_file_upload_states)


def send(connection, message):
    connection.send(msgspec.msgpack.encode(message.as_serializable_dict()))


def test_uploads_are_no_larger_than_they_may_be_or_than_they_say(server):
    button = server.gui.add_upload_button("photo")
    assert upload(server, button, 4, [b"12", b"34"]) == {}
    assert button.value.content == b"1234"
    assert upload(server, button, 4, [b"12"], missing=1).keys() == {"1"}, "waits for the rest"
    assert upload(server, button, LARGEST_UPLOAD + 1, [b"12"], missing=1) == {}
    assert upload(server, button, 4, [b"12"], missing=1_000_000) == {}
    assert upload(server, button, 4, [b"1", b"2" * MEGABYTE], missing=1) == {}
    assert upload(server, button, 8 * MEGABYTE, [b"2" * 5 * MEGABYTE], 1)["1"]["parts"] == {}


def test_no_public_link_is_made(server):
    incoming = server._websock_server._incoming_handlers
    assert _messages.ShareUrlRequest not in incoming
