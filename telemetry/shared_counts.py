"""Where processes that serve one address count together: a folder of files, one set per process.

`prometheus_client` finds it by a variable of the environment, and looks only when it is imported:
so it has to stand before a worker starts.

A temporary folder is the parent's to remove, and that of the last worker when the parent was
killed. A pipe to which nobody writes tells who is last: all hold it open, so it is at its end when
nobody is left.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from prometheus_client.multiprocess import mark_process_dead

from config import ConfigError

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def folder_of_counts() -> Path | None:
    """Return the folder; None: this process counts for itself.

    Raises:
        ConfigError: It does not exist.
    """
    named = os.environ.get(VARIABLE)
    if named is None:
        return None
    if not named or not Path(named).is_dir():
        raise ConfigError(
            f"{VARIABLE} is '{named}', which is no folder: make it, empty, or unset the variable."
        )
    return Path(named)


@dataclass(frozen=True, slots=True)
class Counting:
    """One process's part in a folder; others get it as an argument when they are started."""

    temporary: str | None
    """The folder, if it is to be removed at the end."""
    others: Connection
    """At its end when no process holds `part` any more."""
    part: Connection

    def leave(self) -> None:
        """Count no more; the last one removes the folder."""
        self.part.close()
        if self.temporary is not None and self.others.poll():
            # Two who leave at the same moment are both the last one.
            shutil.rmtree(self.temporary, ignore_errors=True)


@contextmanager
def counting_together() -> Iterator[Counting]:
    """Let the processes that are started within the block count together.

    The folder is a temporary one, unless the environment names one.

    Yields:
        The part of this process, for those that it starts.

    Raises:
        ConfigError: It names one that does not exist.
    """
    others, part = multiprocessing.Pipe(duplex=False)
    if folder_of_counts() is not None:
        yield Counting(None, others, part)
        return
    with TemporaryDirectory(prefix="realtime-counts-") as folder:
        os.environ[VARIABLE] = folder
        try:
            yield Counting(folder, others, part)
        finally:
            del os.environ[VARIABLE]


def forget_process(process_id: int) -> None:
    """A process is gone, and so are its sessions; what it has counted stays."""
    mark_process_dead(process_id)  # type: ignore[no-untyped-call]
