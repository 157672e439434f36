"""Runs programs under strace, and judges what they did beyond this process.

A look at the sockets of a running program would miss what is short; its system calls have it all:
each connection, each datagram, each file that was opened to write.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from settings.silent_libraries import SWITCHES
from tests.support.places import ROOT

_WATCHED = (
    "connect,sendto,sendmsg,sendmmsg,open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2"
)
_ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
_NAME_SERVICE = re.compile(r"htons\(53\)|/resolve/io\.systemd\.Resolve")
_WRITTEN = re.compile(
    r'\b(?:open|openat|creat|mkdir|mkdirat|rename\w*)\((?:AT_FDCWD, )?"([^"]+)"(.*)'
)


def beyond_loopback(trace: Iterable[str]) -> list[str]:
    """Return the calls of a trace that reach another machine, or ask anybody for its name."""
    reached = []
    for line in trace:
        addresses = [v4 or v6 for v4, v6 in _ADDRESS.findall(line)]
        away = any(not one.startswith("127.") and one != "::1" for one in addresses)
        # A name service on this machine asks the next one.
        asked = _NAME_SERVICE.search(line) is not None and "= -1 ENOENT" not in line
        if away or asked:
            reached.append(line)
    return reached


def written_outside(trace: Iterable[str], allowed: Iterable[Path], cwd: Path = ROOT) -> set[str]:
    """Return the files and folders that a traced process made or opened to write, elsewhere.

    Python's own caches of compiled modules are no surprise, wherever they are.

    Args:
        trace: Lines of strace.
        allowed: Folders in which it may write.
        cwd: Where it ran.
    """
    own = [str(folder.resolve()) for folder in allowed]
    found = set()
    for line in trace:
        match = _WRITTEN.search(line)
        if match is None or "= -1 " in line:
            continue
        path, rest = match.groups()
        if "open" in line.split("(")[0] and not re.search("O_WRONLY|O_RDWR|O_CREAT", rest):
            continue
        full = os.path.realpath(cwd / path)
        if "/__pycache__/" in f"{full}/":
            continue
        if not any(f"{full}/".startswith(f"{folder}/") for folder in own):
            found.add(full)
    return found


@dataclass(frozen=True)
class Watch:
    """What is needed to run one program under strace, as on a machine that is new to it."""

    folder: Path
    """Holds the trace and an empty home."""

    @property
    def home(self) -> Path:
        """The home of whoever runs the program."""
        return self.folder / "home"

    def command(self, *program: str) -> list[str]:
        """Return the command that runs a program of ours, from `ROOT`; skips without strace."""
        strace = shutil.which("strace")
        if strace is None:
            pytest.skip("strace is not installed")
        self.home.mkdir(exist_ok=True)
        # Where CI is set, ONNX Runtime is silent by itself. With -D the program is the process.
        unset = [part for name in ("CI", *SWITCHES) for part in ("-E", name)]
        homes = [part for name in _HOMES for part in ("-E", name)]
        follow = ["-D", "-f", "--seccomp-bpf", "-qq", "-e", f"trace={_WATCHED}"]
        kept = ["-E", f"HOME={self.home}", "-o", str(self.folder / "trace")]
        return [strace, *follow, *unset, *homes, *kept, sys.executable, *program]

    def check(self, cwd: Path = ROOT) -> None:
        """Check that the program reached nobody but this machine and left nothing behind.

        Args:
            cwd: Where it ran.
        """
        lines = (self.folder / "trace").read_text(errors="replace").splitlines()
        assert any("openat" in line for line in lines), "nothing was traced"
        assert beyond_loopback(lines) == []
        passing = (Path(tempfile.gettempdir()), Path("/dev"), Path("/proc"))
        assert written_outside(lines, passing, cwd) == set()
        assert list(self.home.iterdir()) == [], "nothing of ours needs a folder in the home"


_HOMES = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "HF_HOME")
