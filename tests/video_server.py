"""A web server on this machine that serves a video as sites do."""

import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import numpy as np


def make_video(path, seconds=2):
    """A small H.264 file whose index comes first, as sites have it."""
    noise = np.random.default_rng(0)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream(
            "libx264", rate=5, options={"preset": "ultrafast", "crf": "20"}
        )
        stream.width, stream.height, stream.pix_fmt = 64, 360, "yuv420p"
        for _ in range(5 * seconds):
            image = noise.integers(0, 256, (360, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path.read_bytes()


class Server(ThreadingHTTPServer):
    """Serves `video` under any path, as the path's first part says; keeps the `requests`."""

    daemon_threads = True

    def __init__(self, video):
        super().__init__(("127.0.0.1", 0), Handler)
        self.video, self.requests, self.block_delay = video, [], 0.0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def asked(self, name):
        return [request for request in self.requests if name in request[0]]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        content_range, kind = self.headers.get("Range"), self.path.split("/")[1]
        self.server.requests.append((self.path, content_range, self.headers.get("Cookie")))
        if kind.isdigit():
            self.send_error(int(kind))
            return
        first_time_read = (
            len([request for request in self.server.asked(self.path) if request[1]]) == 0
        )
        start = int(re.match(r"bytes=(\d+)-", content_range)[1]) if content_range else 0
        end = len(self.server.video)
        self.send_response(206 if content_range else 200)
        self.send_header("Content-Type", "video/mp4")
        if content_range:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
        if kind == "unknown-length":
            end = end * 2 // 3
        else:
            self.send_header("Content-Length", str(end - start))
        self.end_headers()
        self.send(
            self.server.video[start : end * 2 // 3 if kind == "breaks" and first_time_read else end]
        )

    def send(self, data):
        try:
            for start in range(0, len(data), 4096):
                self.wfile.write(data[start : start + 4096])
                time.sleep(self.server.block_delay)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the reader wanted no more

    def log_message(self, *_):
        pass
