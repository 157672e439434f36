"""`.venv`: what is wrong with one that is there, what has been installed in it, and how it is made.

An environment may be half made: interrupted, made by a Python that is gone or that could not add
pip, made by uv, or moved. What can be mended is mended; else it is made anew, which is cheap, as
pip and uv keep what they have fetched.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from settings.localisation import _

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

SUPPORTED = ((3, 11), (3, 14))
_KEPT = "kept"


@dataclass(slots=True)
class Installed:
    """What has been installed, as the environment itself remembers it."""

    files: dict[str, str] = field(default_factory=dict)
    """File of requirements → the sum of its content."""
    failed: dict[str, str] = field(default_factory=dict)
    """File that could not be installed and may be missing → the reason."""


class VirtualEnvironment:
    """The environment of a checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.programs / ("python.exe" if os.name == "nt" else "python")
        self._unfinished = folder / ".unfinished"
        self._installed = folder / ".installed.json"
        self._held: int | None = None

    @property
    def exists(self) -> bool:
        """Whether anything is in its place."""
        return os.path.lexists(self.folder)

    def fault(self, wanted: tuple[int, int] | None = None) -> str | None:
        """Return why it has to be made anew; None: it is sound.

        Args:
            wanted: The version of Python that the user asks for; None: any that is supported.

        Raises:
            SystemExit: Something else is in its place, which is the user's to remove.
        """
        if self.exists and not self.folder.is_dir() and not self.folder.is_symlink():
            told = _("{folder} is a file: move it away, and repeat the command.")
            raise SystemExit(_("error: {error}").format(error=told.format(folder=self.folder)))
        if self._unfinished.exists():
            self.hold()
            if not self.is_to_be_repaired:
                return _("setting it up was interrupted")
        version = self._version()
        if version is None:
            return _("its Python is missing or does not run")
        if not SUPPORTED[0] <= version <= SUPPORTED[1] or wanted not in (None, version):
            return _("it has Python {version}").format(version=f"{version[0]}.{version[1]}")
        return None

    def _version(self) -> tuple[int, int] | None:
        asked = "import sys; print(sys.prefix != sys.base_prefix, *sys.version_info[:2])"
        try:
            done = subprocess.run(
                [str(self.python), "-c", asked], capture_output=True, text=True, check=False
            )
        except OSError:
            return None
        said = done.stdout.split()
        if done.returncode or len(said) != 3 or said[0] != "True":
            return None
        return int(said[1]), int(said[2])

    @property
    def is_to_be_repaired(self) -> bool:
        """Whether it was complete once, and installing more was interrupted."""
        try:
            return self._unfinished.read_text(encoding="utf-8") == _KEPT
        except FileNotFoundError:
            return False

    def begin(self, *, new: bool) -> None:
        """Note that it is worked on.

        Args:
            new: If that is interrupted, it will be made anew; else it will be repaired.
        """
        self.folder.mkdir(exist_ok=True)
        self._unfinished.write_text("" if new else _KEPT, encoding="utf-8")

    def leave(self) -> None:
        """Note that it is as it was before: nothing could be installed."""
        self._unfinished.unlink(missing_ok=True)

    def hold(self) -> None:
        """Keep others from setting it up as long as this process lives, or until it is another.

        The folder around it is what is locked: what is inside is removed where it is made anew, and
        a lock with it.

        Raises:
            SystemExit: Another process is at it.
        """
        if fcntl is None or self._held is not None:
            return
        self._held = os.open(self.folder.parent, os.O_RDONLY)
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            told = _("another command is setting up {folder} now: wait until it has done.")
            told = told.format(folder=self.folder)
            raise SystemExit(_("error: {error}").format(error=told)) from None
        except OSError:
            # A file system without locks.
            return

    def finish(self, installed: Installed) -> None:
        """Note what is installed."""
        text = json.dumps({"files": installed.files, "failed": installed.failed}, indent=1)
        self._installed.write_text(text + "\n", encoding="utf-8")
        self._unfinished.unlink(missing_ok=True)

    def installed(self) -> Installed:
        """Return what was noted; nothing, if that cannot be read."""
        try:
            noted = json.loads(self._installed.read_text(encoding="utf-8"))
            return Installed(dict(noted["files"]), dict(noted["failed"]))
        except (OSError, ValueError, KeyError, TypeError):
            return Installed()

    def remove(self) -> None:
        """Delete it; of a link, the link alone."""
        if self.folder.is_symlink():
            self.folder.unlink()
        elif self.exists:
            shutil.rmtree(self.folder)

    def mend_paths(self) -> None:
        """Write its place into its programs anew if it was moved or copied."""
        activate = self.programs / "activate"
        text = activate.read_text(encoding="utf-8") if activate.exists() else ""
        noted = re.search(r"VIRTUAL_ENV=(['\"]?)(/.+?)\1$", text, re.MULTILINE)
        here = os.path.realpath(self.folder)
        if noted is None or os.path.realpath(noted[2]) == here:
            return
        old, new = noted[2].encode(), str(self.folder).encode()
        for program in self.programs.iterdir():
            if program.is_symlink() or not program.is_file():
                continue
            content = program.read_bytes()
            if old in content and b"\0" not in content:
                program.write_bytes(content.replace(old, new))
