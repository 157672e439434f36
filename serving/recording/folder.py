"""The folder of recordings: who may read it, what is in it, and what is deleted when it is full.

Several processes may write into one. What is being written is locked, so that no other process
deletes it; where there are no such locks (Windows), the system refuses to.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from config import ConfigError
from settings.localisation import _

_OURS = re.compile(
    r"(?P<stem>\d{8}T\d{6}-[\w-]+)\.(?:jsonl|(?:user|assistant)(?:-\d+)?\.(?:flac|wav))"
)
"""Matches the files of recordings; no others are touched."""
LINES = ".jsonl"
"""What the file of a recording's lines ends with."""


def prepare(folder: Path) -> None:
    """Make the folder, for its owner alone, and try to write into it.

    Raises:
        ConfigError: That is not possible.
    """
    probe = folder / f".probe-{os.getpid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe.touch(0o600)
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            _(
                "recording.dir: nothing can be written into {folder} ({reason}); name another "
                "folder, or give the server's user the right to"
            ).format(folder=folder, reason=error.strerror or error)
        ) from None


def lock(file: IO[bytes]) -> None:
    """Keep other processes from deleting the recording of this file while it is open."""
    try:
        import fcntl
    except ImportError:
        return
    # Some network file systems have no locks: the file is young, and others are deleted first.
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def _unlocked(path: Path) -> Iterator[bool]:
    """Tell whether nobody writes a recording, and let nobody begin to meanwhile."""
    try:
        import fcntl
    except ImportError:
        yield True
        return
    try:
        file = path.open("rb")
    except OSError:
        # Without its lines it is the rest of one, or somebody else deletes it.
        yield True
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        except OSError:
            yield True
        else:
            yield True


@dataclass
class _Kept:
    """The files of one recording."""

    files: list[Path] = field(default_factory=list)
    size: int = 0
    written: float = 0.0
    """When it was last written to: Unix time in seconds."""


def tidy(folder: Path, oldest: float, most_bytes: float) -> int:
    """Delete recordings that are too old or, the oldest first, too many.

    Args:
        folder: The folder.
        oldest: Unix time in seconds before which a recording is too old.
        most_bytes: Bytes that all together may take.

    Returns:
        The bytes that are left.
    """
    kept = _recordings(folder)
    total = sum(one.size for one in kept.values())
    for stem, one in sorted(kept.items(), key=lambda entry: entry[1].written):
        if one.written >= oldest and total <= most_bytes:
            break
        with _unlocked(folder / f"{stem}{LINES}") as free:
            if free and all(_gone(path) for path in one.files):
                total -= one.size
    return total


def _recordings(folder: Path) -> dict[str, _Kept]:
    found: dict[str, _Kept] = {}
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return {}
    for entry in entries:
        ours = _OURS.fullmatch(entry.name)
        if ours is None:
            continue
        try:
            about = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        one = found.setdefault(ours["stem"], _Kept())
        one.files.append(Path(entry.path))
        one.size += about.st_size
        one.written = max(one.written, about.st_mtime)
    return found


def _gone(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True
