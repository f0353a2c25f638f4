"""The command view: a page in the browser to look at samples and to make videos."""

import argparse
import os
import sys
import time
import webbrowser
from pathlib import Path

from .options import add_device, add_instance_data, add_model, open_chosen


def main(arguments: list[str] | None = None) -> None:
    """Serve the page until Ctrl-C."""
    options = parse(arguments)
    from ..models.motion import motion_of, motion_to_expect
    from ..utils.signals import StopSignal
    from ..viewer.page import Page
    from ..viewer.server import is_loopback

    chosen, data = options.checkpoint, options.instance_data
    page = Page(
        data,
        lambda: open_chosen(options, data),
        options.host,
        options.port,
        motion_of(chosen) if chosen else motion_to_expect(data),
    )
    try:
        if options.photo:
            page.take_photo(options.photo)
        print(f"photonvs is at {page.url}; Ctrl-C ends it", flush=True)
        if not is_loopback(options.host):
            print(
                "Everyone who can reach this computer can open the page, see your samples, write "
                "new ones and use this computer to generate. There is no password.",
                flush=True,
            )
        if not options.no_browser and _has_screen():
            webbrowser.open(page.url)
        stop = StopSignal()
        while not stop:
            time.sleep(0.2)
    finally:
        page.stop()


def _has_screen() -> bool:
    """Whether a browser would open in a window; else it might take over the terminal."""
    screens = os.environ.get("DISPLAY"), os.environ.get("WAYLAND_DISPLAY")
    return sys.platform in ("darwin", "win32") or any(screens)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options, checked."""
    parser = argparse.ArgumentParser(
        description="Open a page in the browser: upload a photo, steer a camera, generate frames, "
        "take the video home, and look at the samples of the instance data. Needs the extra `view`."
    )
    add = parser.add_argument
    add("photo", type=Path, nargs="?", metavar="PHOTO", help="begin with this photo")
    text = "address to serve at; others than this machine's let others in (default: %(default)s)"
    add("--host", default="127.0.0.1", help=text)
    text = "port, or the next free one after it (default: %(default)s)"
    add("--port", type=int, default=8080, metavar="N", help=text)
    add("--no-browser", action="store_true", help="only print the address")
    add_model(parser)
    add_device(parser)
    add_instance_data(parser)
    return parser.parse_args(arguments)
