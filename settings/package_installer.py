"""Installs packages into an environment, by uv where it is, else by pip.

The environment may lack pip, as those of uv do. The standard library alone: the first to use it is
what installs the server's own libraries.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from settings.localisation import _
from settings.pip_settings import pip_settings, uv_environment


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
    """Whether Python can put pip into an environment."""
    pip: bool
    """Whether Python has pip outside of environments, which can install into one."""

    @classmethod
    def here(cls) -> Tools:
        """Return what there is."""
        beside = Path(sys.executable).parent
        uv = shutil.which("uv") or shutil.which("uv", path=str(beside))
        return cls(uv, _has("ensurepip"), _has("pip"))

    @property
    def sufficient(self) -> bool:
        """Whether they can install into any environment."""
        return bool(self.uv or self.ensurepip or self.pip)

    @property
    def name(self) -> str:
        """What will install, for people."""
        return "uv" if self.uv else "pip"


class PackageInstaller:
    """Installs into one environment."""

    def __init__(self, python: Path | str, tools: Tools) -> None:
        """Prepare.

        Args:
            python: The environment's Python.
            tools: What there is to install with.
        """
        self._python = str(python)
        self._tools = tools
        self.pip_settings = pip_settings(os.environ, Path(python).parent.parent)
        self.for_uv = uv_environment(os.environ, self.pip_settings)
        """Variables for uv, which tell it what pip is told."""
        self._own_uv: str | None = None

    def has_pip(self) -> bool:
        """Whether pip runs in the environment."""
        command = [self._python, "-m", "pip", "--version"]
        try:
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        except OSError:
            return False

    def get_uv(self) -> None:
        """Install uv by pip, for what is large, unless it is there."""
        pip = self._pip() if self._tools.uv is None else None
        if pip and run([*pip, "install", "--quiet", "--disable-pip-version-check", "uv"]).ok:
            self._own_uv = str(Path(self._python).with_name("uv"))

    def install(
        self, wanted: Sequence[str], *, pinned: bool = False, anew: bool = False
    ) -> Outcome:
        """Install, before the user's eyes.

        Args:
            wanted: Requirements, or files of them as `-r FILE`.
            pinned: Whether they have hashes: then nothing else is installed with them.
            anew: Install what seems to be there, too: it may be there by half.
        """
        words = ["--no-deps", "--require-hashes", *wanted] if pinned else list(wanted)
        tried = Outcome(False, _("neither pip nor uv can be used"))
        uv = self._tools.uv or self._own_uv
        if uv:
            told = dict(self.for_uv)
            if pinned:
                # uv would want hashes of what constrains them, too.
                told.pop("UV_CONSTRAINT", None)
            again = ["--reinstall"] if anew else []
            tried = run([uv, "pip", "install", "--python", self._python, *again, *words], told)
            if tried.ok:
                return tried
        # pip has the last word: it may know of a mirror or of certificates that uv does not.
        if pip := self._pip():
            if uv:
                print(_("uv could not; its reason is above. pip tries next."), flush=True)
            again = ["--force-reinstall"] if anew else []
            options = ["--disable-pip-version-check", *again]
            return run([*pip, "install", *options, *words], hear=True)
        return tried

    def _pip(self) -> list[str] | None:
        """Return pip's command, putting it into the environment if it is missing there."""
        if self.has_pip():
            return [self._python, "-m", "pip"]
        if self._tools.ensurepip and run([self._python, "-m", "ensurepip", "--upgrade"]).ok:
            return [self._python, "-m", "pip"]
        if self._tools.pip:
            return [python_outside(), "-m", "pip", "--python", self._python]
        return None


def python_outside() -> str:
    """Return the Python that runs this, outside of any environment."""
    return str(getattr(sys, "_base_executable", "") or sys.executable)


def run(
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


def _has(module: str) -> bool:
    """Return whether Python, outside of any environment, has a module."""
    command = [python_outside(), "-c", f"import {module}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
