"""Who installs: uv where it is, else pip; and what to do first where neither can.

On Debian and its kin Python comes without `ensurepip`, and so makes environments without pip. That
is found out here before anything is fetched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from requirements.pip_settings import uv_environment
from requirements.virtual_environment import VirtualEnvironment, python_of_this_process


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended."""

    ok: bool
    reason: str = ""
    """Its last error in one line; empty: it is on the screen."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What this machine has to make an environment and to install into it."""

    uv: str | None
    ensurepip: bool
    """Whether this Python can put pip into an environment."""
    pip: bool
    """Whether this Python has pip itself, which can install into an environment from outside."""

    @classmethod
    def here(cls) -> Tools:
        """Return what there is."""
        return cls(shutil.which("uv"), _runs("ensurepip"), _runs("pip"))

    @property
    def names(self) -> str:
        """What will install, for people."""
        return "uv" if self.uv else "pip"

    def usable(self, venv: VirtualEnvironment, sound: bool) -> bool:
        """Return whether something can be installed.

        Args:
            venv: The environment.
            sound: Whether it stays as it is.
        """
        return bool(self.uv or self.ensurepip or self.pip or (sound and venv.has_pip()))


def _runs(module: str) -> bool:
    """Return whether this Python, outside of any environment, has a module."""
    command = [python_of_this_process(), "-c", f"import {module}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def advice() -> str:
    """Return what to do where this Python can make no environment and uv is not there."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    python = os.path.realpath(python_of_this_process())
    why = f"error: {python} cannot make an environment with pip in it (it has no ensurepip).\n"
    if Path("/etc/debian_version").exists() and python.startswith("/usr/bin/"):
        standard = os.path.realpath("/usr/bin/python3") == python
        package = "python3-venv" if standard else f"python{version}-venv"
        return f"{why}  sudo apt install {package}\nThen repeat the command. Nothing was changed."
    return (
        f"{why}  Install uv (https://docs.astral.sh/uv/), or another Python, and name it: "
        "make run PYTHON=…\nThen repeat the command. Nothing was changed."
    )


class Installer:
    """Makes an environment and installs into it."""

    def __init__(self, tools: Tools, venv: VirtualEnvironment, settings: Mapping[str, str]) -> None:
        self._tools = tools
        self._venv = venv
        self._uv_environment = uv_environment(os.environ, settings)
        self._own_uv: str | None = None

    def make(self) -> Outcome:
        """Make the environment in its folder, which `VirtualEnvironment.begin` has noted."""
        folder, base = str(self._venv.folder), python_of_this_process()
        told = self._uv_environment
        if self._tools.ensurepip:
            made = _run([base, "-m", "venv", folder])
            if made.ok or not self._tools.uv:
                return made
        if self._tools.uv:
            uv, python = self._tools.uv, str(self._venv.python)
            made = _run([uv, "venv", "--allow-existing", "--python", base, folder], told)
            if made.ok:
                # For the user, who is told to `pip install` what a provider needs.
                _run([uv, "pip", "install", "--python", python, "pip"], told)
            return made
        return _run([base, "-m", "venv", "--without-pip", folder])

    def get_uv(self) -> None:
        """Install uv by pip, for what is large, unless it is there."""
        pip = self._pip() if self._tools.uv is None else None
        if pip and _run([*pip, "install", "--quiet", "--disable-pip-version-check", "uv"]).ok:
            self._own_uv = str(self._venv.programs / "uv")

    def install(self, files: Sequence[str], *, pinned: bool) -> Outcome:
        """Install what files of requirements name.

        Args:
            files: Their paths.
            pinned: Whether they have hashes: then nothing else is installed with them.
        """
        options = ["--no-deps", "--require-hashes"] if pinned else []
        options += [word for file in files for word in ("-r", file)]
        tried = Outcome(False, "neither pip nor uv can be used")
        uv = self._tools.uv or self._own_uv
        if uv:
            command = [uv, "pip", "install", "--python", str(self._venv.python), *options]
            tried = _run(command, self._uv_environment)
            if tried.ok:
                return tried
        # pip has the last word: it may know of a mirror or of certificates that uv does not.
        if pip := self._pip():
            if uv:
                print("uv could not; its reason is above. pip tries next.", flush=True)
            return _run([*pip, "install", "--disable-pip-version-check", *options], hear=True)
        return tried

    def _pip(self) -> list[str] | None:
        """Return pip's command, putting it into the environment if it is missing there."""
        python = str(self._venv.python)
        if self._venv.has_pip():
            return [python, "-m", "pip"]
        if self._tools.ensurepip and _run([python, "-m", "ensurepip", "--upgrade"]).ok:
            return [python, "-m", "pip"]
        if self._tools.pip:
            return [python_of_this_process(), "-m", "pip", "--python", python]
        return None


def _run(
    command: Sequence[str], environment: Mapping[str, str] | None = None, *, hear: bool = False
) -> Outcome:
    """Run a command before the user's eyes.

    Args:
        command: The program and its arguments.
        environment: Its variables; None: those of this process.
        hear: Read its errors too, to name the last one. What it shows of its progress must not be
            among them.
    """
    variables = os.environ if environment is None else environment
    process = subprocess.Popen(
        command,
        # Installing for the user alone is no choice within an environment.
        env={**variables, "PIP_USER": "0"},
        stderr=subprocess.PIPE if hear else None,
        text=True,
    )
    reason = ""
    if process.stderr is not None:
        for line in process.stderr:
            sys.stderr.write(line)
            if line.startswith("ERROR:"):
                reason = line.removeprefix("ERROR:").strip()
    return Outcome(process.wait() == 0, reason)
