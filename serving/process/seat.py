"""A worker's place among those that serve one address together.

Workers share no state, but one of them has each call, and others pass requests for it on
(`serving/calls/relay.py`): each listens at a Unix socket too, in a folder that no other user of the
machine can look into.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from config import ConfigError
from serving.process.workers import is_orphaned
from settings.localisation import _, system_reason


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a process serves."""

    worker: int = 0
    """Its number; a worker that ended is replaced by one with the same."""
    folder: Path | None = None
    """The folder of the workers' Unix sockets; None: it serves alone, or there are none on this
    system."""

    def door_of(self, worker: int) -> Path | None:
        """Return the path of a worker's Unix socket; None: it has none."""
        return None if self.folder is None else self.folder / str(worker)

    def listen(self) -> socket.socket | None:
        """Bind this worker's Unix socket; None: it has none.

        Raises:
            ConfigError: The folder is of no use.
        """
        door = self.door_of(self.worker)
        if door is None:
            return None
        # One that ended by force has left its socket behind.
        with suppress(FileNotFoundError):
            door.unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(door))
        except OSError as error:
            listener.close()
            raise ConfigError(
                _(
                    "The workers' folder {folder} cannot be used ({reason}). Name another folder "
                    "for temporary files, with a short path, in the variable TMPDIR."
                ).format(folder=door.parent, reason=system_reason(error))
            ) from error
        return listener

    def leave(self) -> None:
        """Remove this worker's socket, and the folder if the parent was killed."""
        door = self.door_of(self.worker)
        if door is None:
            return
        with suppress(FileNotFoundError):
            door.unlink()
        if is_orphaned():
            shutil.rmtree(door.parent, ignore_errors=True)


ALONE = Seat()
"""That of a server with one process."""


def check_temporary_files() -> None:
    """Check that there is a folder for temporary files, where workers keep what they share.

    Raises:
        ConfigError: There is none, as in a container whose root is read-only.
    """
    try:
        tempfile.gettempdir()
    except OSError as error:
        raise ConfigError(
            _(
                "Workers share a folder for temporary files, and there is none that can be written "
                "to: make /tmp one (of Docker: --tmpfs /tmp), or name one in the variable TMPDIR."
            )
        ) from error


@contextmanager
def seats() -> Iterator[Path | None]:
    """Make the folder of the workers' sockets, for as long as the block runs.

    Yields:
        The folder; None: this system has no such sockets.
    """
    if not hasattr(socket, "AF_UNIX"):
        yield None
        return
    with TemporaryDirectory(prefix="realtime-calls-") as folder:
        yield Path(folder)
