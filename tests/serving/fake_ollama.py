"""An Ollama on loopback, as far as its models are listed and fetched."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FakeOllama:
    """Has the models that the test says, and those that are pulled."""

    def __init__(self) -> None:
        self.models: list[str] = []
        self.pulled: list[str] = []
        self.keys: list[str | None] = []
        self.refusal: str | None = None
        """What it answers instead of fetching."""
        self.cut = False
        """Whether it ends before a model is complete."""
        self.address = ""

    def lines(self, model: str) -> Iterator[dict[str, Any]]:
        """What it says while it fetches a model, and after."""
        yield {"status": "pulling manifest"}
        for done in (0, 50, 100):
            yield {"status": "pulling a", "digest": "sha256:a", "total": 100, "completed": done}
        yield {"status": "pulling b", "digest": "sha256:b", "total": 300}
        if self.refusal:
            yield {"error": self.refusal}
        elif not self.cut:
            yield {"status": "verifying sha256 digest"}
            self.models.append(model)
            yield {"status": "success"}


@contextmanager
def fake_ollama() -> Iterator[FakeOllama]:
    """Run one on a free port."""
    fake = FakeOllama()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fake.keys.append(self.headers["Authorization"])
            known = self.path == "/api/tags"
            models = [{"name": name if ":" in name else f"{name}:latest"} for name in fake.models]
            self._answer(200 if known else 404, [{"models": models}] if known else [])

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path != "/api/pull":
                self._answer(200, [{"done": True}])
                return
            fake.pulled.append(body["model"])
            self._answer(200, fake.lines(body["model"]))

        def _answer(self, status: int, lines: Any) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/x-ndjson")
            self.end_headers()
            for line in lines:
                self.wfile.write(json.dumps(line).encode() + b"\n")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
