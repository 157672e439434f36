"""The image's health check finds the server wherever it listens."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.container.docker_file import instructions
from tests.support.alone import ALONE, why_not
from tests.support.places import ROOT

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

CONTAINER = """
import http.server, json, socket, subprocess, sys, threading
host, status, check = json.loads(sys.argv[1])
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(status if self.path == "/health" else 404)
        self.end_headers()
with Server((host, 0), Handler) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    raise SystemExit(subprocess.run(check).returncode)
"""
"""A server at a port that nobody was told, and the check beside it."""


def health_check(stage: str) -> list[str]:
    """The command of the Dockerfile's."""
    (found,) = instructions(stage, "HEALTHCHECK")
    command: list[str] = json.loads(found.partition("CMD ")[2])
    return [sys.executable, *command[1:]]


@pytest.mark.parametrize("stage", ["runtime", "models"])
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "0.0.0.0", "::1", "::"])
@pytest.mark.parametrize(("status", "verdict"), [(200, 0), (503, 1)])
def test_it_asks_where_the_server_listens(stage: str, host: str, status: int, verdict: int) -> None:
    told = json.dumps([host, status, health_check(stage)])
    command = [*ALONE, sys.executable, "-c", CONTAINER, told]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == verdict, done.stderr


def test_before_anybody_listens_it_is_not_healthy() -> None:
    command = [*ALONE, *health_check("runtime")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "")
