"""Where processes that serve one address count together: a folder of files, one set per process.

`prometheus_client` finds it by a variable of the environment, and looks only when it is imported:
so it has to stand before a worker starts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def counting_together() -> Iterator[None]:
    """Let the processes that are started within the block count together.

    The folder is a temporary one, unless the environment names one.

    Raises:
        ConfigError: It names one that does not exist.
    """
    if folder_of_counts() is not None:
        yield
        return
    with TemporaryDirectory(prefix="realtime-counts-") as folder:
        os.environ[VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[VARIABLE]


def forget_process(process_id: int) -> None:
    """A process is gone, and so are its sessions; what it has counted stays."""
    mark_process_dead(process_id)  # type: ignore[no-untyped-call]
