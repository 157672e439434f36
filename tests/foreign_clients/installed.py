"""Foreign clients: installed apart from this project, run as programs, heard through JSON lines.

They have a place of their own because they are other people's software with other people's needs:
Node packages cannot live in a virtual environment, and openai-agents asks for an older websockets
than the server does. Nothing of them is changed, so a test with one is a test of what its users
will see. Where they cannot be installed (no Node, no registry) the tests are skipped and say why.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

Line = dict[str, Any]

CLIENTS = Path(__file__).parent
NODE = CLIENTS / "node"
PYTHON = CLIENTS / "python"
ROOT = CLIENTS.parents[1]
HEAVY = {"litellm", "livekit", "semantic-kernel"}
"""Installed only on request: Python clients, and folders of Node clients."""
PYTHONS = {"wyoming-openai": (3, 12)}
"""Clients that ask for a newer Python than the tests may run with, and the oldest that will do."""
INSTALL_S = 300
PATIENCE_S = 60.0
"""A driver that is not done after this long is stuck, whatever its own deadlines say."""
QUARTER_SECOND = 12000
"""Bytes of audio that are certainly an answer."""


@functools.cache
def install(commands: tuple[tuple[str, ...], ...], folder: Path, needs: Path) -> str | None:
    """Run the commands unless they have run for just these needs; returns what went wrong."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Tests run in several processes, and one installation is enough for all.
    with FileLock(folder.parent / f"{folder.name}.lock"):
        return _install_once(commands, folder, needs)


def _install_once(commands: tuple[tuple[str, ...], ...], folder: Path, needs: Path) -> str | None:
    stamp = folder / ".installed"
    wanted = hashlib.sha256(f"{sys.version}\n{needs.read_text()}".encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return None
    for command in commands:
        try:
            done = subprocess.run(
                command, cwd=needs.parent, capture_output=True, text=True, timeout=INSTALL_S
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode:
            return " ".join((done.stderr or done.stdout).split())[:300]
    stamp.write_text(wanted)
    return None


def _too_large(client: str, folder: Path) -> str | None:
    """Return why a client is not installed unasked."""
    if client in HEAVY and not folder.exists():
        return f"{client} is large and not installed; `make clients` installs it"
    return None


def install_node(package: Path = NODE) -> str | None:
    """Install a folder's `package-lock.json` as it is; returns why that cannot be done."""
    for name in ("node", "npm"):
        if shutil.which(name) is None:
            return f"{name} is not installed"
    command = (str(shutil.which("npm")), "ci", "--no-audit", "--no-fund", "--loglevel=error")
    reason = install((command,), package / "node_modules", package / "package-lock.json")
    return reason and f"npm could not install {package.name}: {reason}"


def _environment(client: str) -> tuple[Path, str]:
    """Where a Python client lives, and the interpreter there."""
    folder = PYTHON / ".venv" / client
    return folder, str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")


def _interpreter(oldest: tuple[int, int]) -> str | None:
    """Return a Python of at least this version: our own, one in the path or one beside ours."""
    named = [shutil.which(f"python3.{minor}") for minor in range(14, oldest[1] - 1, -1)]
    beside = sorted(Path(sys.base_prefix).parent.glob("*/bin/python3"), reverse=True)
    for found in filter(None, (sys.executable, *named, *map(str, beside))):
        question = f"import sys; sys.exit(sys.version_info < {oldest})"
        if subprocess.run((found, "-c", question), capture_output=True).returncode == 0:
            return found
    return None


def _install_python(client: str) -> str | None:
    folder, interpreter = _environment(client)
    uv = (sys.executable, "-m", "uv", "--quiet", "--no-python-downloads")
    oldest = PYTHONS.get(client, (3, 11))
    python = _interpreter(oldest)
    if python is None:
        return f"{client} needs Python {'.'.join(map(str, oldest))} or newer, and there is none"
    commands = (
        (*uv, "venv", "--clear", "--python", python, str(folder)),
        (*uv, "pip", "install", "--python", interpreter, "-r", f"{client}.txt"),
    )
    reason = install(commands, folder, PYTHON / f"{client}.txt")
    return reason and f"uv could not install {client}: {reason}"


async def run_node(
    driver: str,
    *arguments: str,
    options: Sequence[str] = (),
    trust: Path | None = None,
    only: str | None = None,
) -> Report:
    """Run a driver of `node/` to its end.

    Args:
        driver: Name of the program, behind that of its folder if it has one: `livekit/drive_stt`.
        arguments: Its arguments.
        options: Options of Node itself.
        trust: A certificate that Node accepts in addition to the usual ones.
        only: The scenario to run; None: all of them.
    """
    program = NODE / f"{driver}.mjs"
    package = program.parent
    reason = _too_large(package.name, package / "node_modules") or install_node(package)
    if reason:
        pytest.skip(reason)
    command = ("node", *options, str(program), *arguments)
    variables = {"NODE_EXTRA_CA_CERTS": str(trust or "")} | _named(only)
    return Report(await _drive(command, PATIENCE_S, **variables))


async def run_python(
    client: str,
    *arguments: str,
    part: str = "",
    trust: Path | None = None,
    patience_s: float = PATIENCE_S,
    only: str | None = None,
) -> Report:
    """Run a driver of a client of `python/` to its end.

    Args:
        client: The client, by the name of its file of requirements.
        arguments: Arguments of the driver.
        part: The part of the client that is driven, if it has several drivers: `stt`.
        trust: A certificate that it trusts in place of the usual ones.
        patience_s: Seconds after which it is stuck.
        only: The scenario to run; None: all of them.
    """
    folder, interpreter = _environment(client)
    if reason := _too_large(client, folder) or _install_python(client):
        pytest.skip(reason)
    name = "_".join(filter(None, (client.replace("-", "_"), part)))
    command = (interpreter, "-m", f"tests.foreign_clients.python.drive_{name}", *arguments)
    variables = ({"SSL_CERT_FILE": str(trust)} if trust else {}) | _named(only)
    return Report(await _drive(command, patience_s, **variables))


def _named(scenario: str | None) -> dict[str, str]:
    return {} if scenario is None else {"ONLY_SCENARIO": scenario}


async def _drive(command: Sequence[str], patience_s: float, **variables: str) -> list[Line]:
    secrets = {"OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"}
    environment = {name: value for name, value in os.environ.items() if name not in secrets}
    environment |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **variables}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(patience_s):
            out, err = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    assert process.returncode == 0, err.decode()[-3000:]
    return [json.loads(line) for line in out.decode().splitlines()]


class Report:
    """The lines of a driver, which runs every scenario in one process to start up only once."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines

    def scenario(self, name: str) -> list[Line]:
        """Lines of a scenario that ran to its end without an error."""
        lines = [line for line in self._lines if line["scenario"] == name]
        assert lines, f"the driver has no scenario {name}"
        bad = [line for line in lines if line["event"] in ("error", "failure")]
        assert not bad, bad
        assert lines[-1]["event"] == "end", lines
        return lines


def of(lines: Sequence[Line], event: str) -> list[Line]:
    """Lines of one kind."""
    return [line for line in lines if line["event"] == event]


def last(lines: Sequence[Line], event: str) -> Line:
    """Return the last line of one kind, which must be there."""
    found = of(lines, event)
    assert found, f"no {event} in {[line['event'] for line in lines]}"
    return found[-1]


if __name__ == "__main__":
    problems = [
        *(install_node(package) for package in (NODE, NODE / "livekit")),
        *(_install_python(needs.stem) for needs in sorted(PYTHON.glob("*.txt"))),
    ]
    sys.exit("\n".join(filter(None, problems)) or None)
