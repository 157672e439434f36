"""Several processes behind one address: one banner, one secret, one end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from client_secrets import ClientSecrets

ROOT = Path(__file__).parent.parent


def server(*arguments: str, **extra: str) -> subprocess.Popen[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("REALTIME_", "OPENAI_"))}
    scripted = {f"REALTIME_{kind}__PROVIDER": "scripted" for kind in ("STT", "LLM", "TTS")}
    return subprocess.Popen(
        [sys.executable, "main.py", "--port", "0", *arguments],
        cwd=ROOT,
        env={**kept, **scripted, **extra},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def processes(group: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(entry.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("to_all", [True, False], ids=["Ctrl-C", "SIGTERM"])
def test_workers_start_together_and_end_together(to_all: bool) -> None:
    """The banner comes when all are ready; Ctrl-C reaches all of them, SIGTERM the first only."""
    process = server("--workers", "2")
    assert process.stdout is not None
    banner = [process.stdout.readline() for _ in range(6)]
    assert "Open Realtime Server" in banner[0]
    # The parent, its resource tracker and two workers.
    assert len(processes(process.pid)) >= 3
    if to_all:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.terminate()
    rest, complaints = process.communicate(timeout=30)
    assert process.returncode == 0, complaints
    assert rest == ""
    assert complaints == ""
    deadline = time.monotonic() + 20
    while processes(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes(process.pid) == []


def test_a_start_that_fails_ends_all_and_is_reported_once() -> None:
    process = server("--workers", "2", REALTIME_TTS__PROVIDER="nobody.knows:Voice")
    output, complaints = process.communicate(timeout=60)
    assert process.returncode != 0
    assert output == ""
    assert complaints.count("error:") == 1
    assert "nobody.knows" in complaints


def mint(answer: Connection) -> None:
    answer.send(ClientSecrets(None).mint({"type": "realtime"}, 2_000_000_000))


def test_processes_that_were_started_together_accept_each_others_client_secrets() -> None:
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=mint, args=(send,))
    process.start()
    key = receive.recv()
    process.join()
    assert ClientSecrets(None).read(key, 0) == {"type": "realtime"}
