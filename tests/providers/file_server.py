"""A web server on a loopback port, in a thread of its own, that hands out files, or fails to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer:
    """What it has, and what it was asked."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.files: dict[str, bytes] = {}
        """Path without its query → content."""
        self.redirects: dict[str, str] = {}
        """Path → where it is instead."""
        self.headers: dict[str, str] = {}
        """Sent with every file."""
        self.cut_after: int | None = None
        """Bytes after which the connection breaks."""
        self.cuts = 0
        """How many more connections break; 0 with `cut_after` set: all of them."""
        self.half_way: Callable[[], None] = lambda: None
        """Called when half of a body has been sent."""
        self.sums: dict[str, str] = {}
        """Path → what is said to be the SHA-256 of its content, as `ETag`."""
        self.redirect_headers: dict[str, str] = {}
        """Sent with every redirect."""
        self.codings: list[str | None] = []
        """Of each request, the codings of a body that it accepts."""
        self.asked: list[str] = []
        """Methods and paths, with their queries."""


@contextmanager
def serving_files() -> Iterator[FileServer]:
    """Serve; yields the server."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def _answer(self, body: bool) -> None:
            files.asked.append(f"{self.command} {self.path}")
            files.codings.append(self.headers.get("Accept-Encoding"))
            if elsewhere := files.redirects.get(self.path):
                self.send_response(302)
                self.send_header("Location", elsewhere)
                for name, value in files.redirect_headers.items():
                    self.send_header(name, value)
                self.end_headers()
                return
            content = files.files.get(self.path.partition("?")[0])
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            for name, value in files.headers.items():
                self.send_header(name, value)
            if told := files.sums.get(self.path.partition("?")[0]):
                self.send_header("ETag", f'"{told}"')
            self.end_headers()
            if body:
                # Whoever asked may have ended.
                with suppress(ConnectionError):
                    self._body(content)

        def _body(self, content: bytes) -> None:
            if files.cut_after is not None:
                self.wfile.write(content[: files.cut_after])
                files.cuts -= 1
                if files.cuts == 0:
                    files.cut_after = None
                return
            half = len(content) // 2
            self.wfile.write(content[:half])
            self.wfile.flush()
            files.half_way()
            self.wfile.write(content[half:])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    files = FileServer(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield files
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
