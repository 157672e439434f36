"""The folder in which processes that serve one address share their counts.

`prometheus_client` finds it by an environment variable that it reads only when it is imported, so
the variable must be set before a worker starts.

The parent removes a temporary folder or, when the parent was killed, the last worker does. A pipe
tells which is the last: all processes hold its writing end open, so it reads as closed when none is
left.
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
from settings.localisation import _

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def folder_of_counts() -> Path | None:
    """Return the folder; None: this process counts alone.

    Raises:
        ConfigError: The folder does not exist.
    """
    named = os.environ.get(VARIABLE)
    if named is None:
        return None
    if not named or not Path(named).is_dir():
        raise ConfigError(
            _(
                "{variable} is '{named}', which is no folder: make it, empty, "
                "or unset the variable."
            ).format(variable=VARIABLE, named=named)
        )
    return Path(named)


@dataclass(frozen=True, slots=True)
class Counting:
    """One process's share in the folder; workers get it as an argument when they start."""

    temporary: str | None
    """The folder, if it is to be removed at the end."""
    others: Connection
    """The pipe's reading end: closed once no process holds `part` any more."""
    part: Connection
    """The pipe's writing end."""

    def leave(self) -> None:
        """Stop counting; the last process removes the folder."""
        self.part.close()
        if self.temporary is not None and self.others.poll():
            # Two processes that leave at the same moment may both remove it.
            shutil.rmtree(self.temporary, ignore_errors=True)


@contextmanager
def counting_together() -> Iterator[Counting]:
    """Let the processes that are started within the block share their counts.

    The folder is temporary, unless the environment names one.

    Yields:
        The share to pass to the processes.

    Raises:
        ConfigError: The folder that the environment names does not exist.
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
    """Drop the open sessions of a process that has ended; its other counts stay."""
    mark_process_dead(process_id)  # type: ignore[no-untyped-call]
