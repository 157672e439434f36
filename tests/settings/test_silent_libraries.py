"""Nothing leaves this machine that its user did not ask for."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from settings.silent_libraries import SWITCHES, silence
from tests.support.places import ROOT
from tests.support.server_process import started
from tests.support.wire_client import client

MINUTE_S = 60
PROGRAMS = [
    "main",
    "push_to_talk_app",
    "test_client",
    "pipeline_manager",
    "providers",
    "transport",
    "examples.custom_backend",
    "benchmarks.bars",
]
WATCHED = (
    "connect,sendto,sendmsg,sendmmsg,open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2"
)

_ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
_WRITTEN = re.compile(
    r'\b(?:open|openat|creat|mkdir|mkdirat|rename\w*)\((?:AT_FDCWD, )?"([^"]+)"(.*)'
)
_SPY = """
import importlib.abc, os, sys
class Spy(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            print("imported with", os.environ.get("ORT_DISABLE_TELEMETRY"))
sys.meta_path.insert(0, Spy())
"""


def beyond_loopback(trace: Iterable[str]) -> list[str]:
    """Return the calls of a trace by strace that reach another machine, or ask for its name."""
    reached = []
    for line in trace:
        addresses = [v4 or v6 for v4, v6 in _ADDRESS.findall(line)]
        if any(not one.startswith("127.") and one != "::1" for one in addresses):
            reached.append(line)
    return reached


def written_outside(trace: Iterable[str], allowed: Iterable[Path]) -> set[str]:
    """Return the files and folders that a traced process made or opened to write, elsewhere."""
    own = [str(folder.resolve()) for folder in allowed]
    found = set()
    for line in trace:
        match = _WRITTEN.search(line)
        if match is None or "= -1 " in line:
            continue
        path, rest = match.groups()
        if "open" in line.split("(")[0] and not re.search("O_WRONLY|O_RDWR|O_CREAT", rest):
            continue
        full = os.path.realpath(ROOT / path)
        if not any(f"{full}/".startswith(f"{folder}/") for folder in own):
            found.add(full)
    return found


@pytest.mark.parametrize(("mirror", "switched"), [("https://mirror.example", "1"), ("", None)])
def test_large_files_come_from_the_mirror_too(
    mirror: str, switched: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hugging Face's library fetches them from another host, unless that is switched off."""
    monkeypatch.setattr(os, "environ", {"HF_ENDPOINT": mirror})
    silence()
    assert os.environ.get("HF_HUB_DISABLE_XET") == switched


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_silences_libraries_before_it_imports_them(program: str):
    kept = {name: value for name, value in os.environ.items() if name not in SWITCHES}
    code = f"{_SPY}\nimport {program}\nprint('done with', os.environ['ORT_DISABLE_TELEMETRY'])"
    run = subprocess.run(
        (sys.executable, "-c", code), cwd=ROOT, env=kept, capture_output=True, text=True, check=True
    )
    said = [line for line in run.stdout.splitlines() if " with " in line]
    assert {line.partition(" with ")[2] for line in said} == {"1"}, said


def test_whoever_wants_a_library_to_report_is_heeded(monkeypatch: pytest.MonkeyPatch):
    run = subprocess.run(
        (sys.executable, "-c", "import settings, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"),
        cwd=ROOT,
        env={**os.environ, "ORT_DISABLE_TELEMETRY": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "0"


def test_a_trace_is_read_for_what_it_shows():
    quiet = [
        'connect(8, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16)',
        'connect(8, {sa_family=AF_UNIX, sun_path="/run/nscd/socket"}, 110) = -1 ENOENT (No such)',
    ]
    loud = [
        'connect(8, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("192.0.2.53")}, 16)',
        "sendto(8, ..., {sa_family=AF_INET6, sin6_port=htons(443), "
        'inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0}, 28)',
    ]
    assert beyond_loopback([*quiet, *loud]) == loud
    files = [
        'openat(AT_FDCWD, "/own/cache", O_WRONLY|O_CREAT, 0666) = 3',
        'openat(AT_FDCWD, "/etc/hosts", O_RDONLY) = 3',
        'openat(AT_FDCWD, "/denied", O_WRONLY|O_CREAT, 0666) = -1 EACCES (Permission denied)',
        'openat(AT_FDCWD, "/var/note", O_WRONLY|O_CREAT, 0666) = 3',
        'mkdir("/opt/new", 0777) = 0',
    ]
    assert written_outside(files, [Path("/own")]) == {"/var/note", "/opt/new"}


async def test_a_minute_of_talk_reaches_no_other_machine_and_leaves_no_files(tmp_path: Path):
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    home, trace = tmp_path / "home", tmp_path / "trace"
    home.mkdir()
    # Where CI is set, ONNX Runtime is silent by itself. With -D the server is the process.
    unset = [part for name in ("CI", *SWITCHES) for part in ("-E", name)]
    command = [strace, "-D", "-f", "--seccomp-bpf", "-qq", "-e", f"trace={WATCHED}", *unset]
    command += ["-o", str(trace), sys.executable, "main.py"]
    async with started(command, ROOT, HOME=str(home)) as server, client(server.url) as wire:
        until = time.monotonic() + MINUTE_S
        while time.monotonic() < until:
            await wire.say("What time is it?")
            await wire.send("response.create")
            await wire.until("response.done")
            wire.events.clear()
            await asyncio.sleep(1)
    lines = trace.read_text(errors="replace").splitlines()
    assert any("127.0.0.1" in line or "openat" in line for line in lines), "nothing was traced"
    assert beyond_loopback(lines) == []
    allowed = (tmp_path, ROOT, Path(sys.prefix), Path(tempfile.gettempdir()), Path("/dev"))
    assert written_outside(lines, (*allowed, Path("/proc"))) == set()
    assert list(home.iterdir()) == [], "a server that fetches nothing needs no folder of its own"
