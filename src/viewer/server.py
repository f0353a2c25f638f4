"""The page's server: viser's, with limits on who may connect and on what may be sent."""

import contextlib
import io
import ipaddress
import math
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..utils.optional import import_optional

if TYPE_CHECKING:
    import viser

MEGABYTE = 1024 * 1024
LARGEST_UPLOAD = 40 * MEGABYTE
LARGEST_PART = 4 * MEGABYTE  # the page sends parts of half a megabyte


def open_server(host: str, port: int) -> "viser.ViserServer":
    """A server at this address, or at the next free port.

    It refuses other web sites, which could otherwise reach it through the user's browser. It also
    refuses uploads of more than LARGEST_UPLOAD bytes, and viser's public links through a server
    elsewhere. Raises MissingPackage without viser, and ValueError for an address that is not this
    machine's.
    """
    viser = import_optional("viser", "view")
    _check_address(host, port)
    with contextlib.redirect_stdout(io.StringIO()):  # viser prints a banner of its own
        server = viser.ViserServer(host=host, port=port, label="photonvs", verbose=False)
    # Before anything is sent to it, a connection is asked where it comes from.
    server._websock_server.on_client_connect(_doorkeeper(server, host))
    _limit_uploads(server)
    _refuse_public_links(server)
    return server


def _check_address(host: str, port: int) -> None:
    """Raise ValueError for an address at which nobody can serve; viser would wait forever."""
    if not 0 <= port < 1 << 16:
        raise ValueError(f"--port {port}: expected a number from 0 to {(1 << 16) - 1}")
    try:
        family, *_ = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        socket.create_server((host, 0), family=family).close()
    except OSError as error:
        raise ValueError(
            f"--host {host}: {error.strerror}; expected an address of this computer, such as "
            "127.0.0.1, or 0.0.0.0 for all of them"
        ) from error


def _doorkeeper(server: "viser.ViserServer", host: str) -> Callable[..., Awaitable[None]]:
    """A callback that closes connections of other web sites' pages."""
    connections, local = server._websock_server._live_connections, is_loopback(host)

    async def close_foreign(client: object) -> None:
        connection = connections[client.client_id]
        headers = connection.request.headers
        if not is_own_page(headers.get("Origin"), headers.get("Host", ""), local):
            await connection.close(1008, "another web site")

    return close_foreign


def is_own_page(origin: str | None, host: str, local: bool) -> bool:
    """Whether a connection is from this server's page, or from no web page at all.

    origin, host: headers. local: the server is for this machine alone, so it cannot be called by
    any other name (a foreign name that leads to this machine is an attack).
    """
    name = urlsplit(f"//{host}").hostname or ""
    if local and not is_loopback(name):
        return False
    return origin is None or urlsplit(origin).netloc == host


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _limit_uploads(server: "viser.ViserServer") -> None:
    """Drop uploads that are larger than they may be, or than they said, or that were left.

    A client has one at a time.
    """
    from viser import _messages

    gui, incoming = server.gui, server._websock_server
    uploads = gui._current_file_upload_states

    def start(client_id: int, message: _messages.FileTransferStartUpload) -> None:
        gui._drop_uploads_from_client(client_id)
        parts = math.ceil(LARGEST_UPLOAD / MEGABYTE) * 4
        if message.size_bytes <= LARGEST_UPLOAD and message.part_count <= parts:
            gui._handle_file_transfer_start(client_id, message)
            return
        client = server.get_clients().get(client_id)
        if client:
            limit = f"at most {LARGEST_UPLOAD // MEGABYTE} MB"
            client.add_notification("The file is too large", limit, color="red")

    def part(client_id: int, message: _messages.FileTransferPart) -> None:
        upload = uploads.get(message.transfer_uuid)
        size = len(message.content)
        if upload and upload["transferred_bytes"] + size > upload["total_bytes"]:
            uploads.pop(message.transfer_uuid, None)
        elif size <= LARGEST_PART:
            gui._handle_file_transfer_part(client_id, message)

    # viser itself forgets those of clients that it never saw looking.
    incoming.on_client_disconnect(lambda client: gui._drop_uploads_from_client(client.client_id))
    for kind, former, limited in (
        (_messages.FileTransferStartUpload, gui._handle_file_transfer_start, start),
        (_messages.FileTransferPart, gui._handle_file_transfer_part, part),
    ):
        incoming.unregister_handler(kind, former)
        incoming.register_handler(kind, limited)


def _refuse_public_links(server: "viser.ViserServer") -> None:
    from viser import _messages

    server._websock_server.unregister_handler(_messages.ShareUrlRequest)
