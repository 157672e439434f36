"""Reads a process's memory, file descriptors and threads from Linux's /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Holdings:
    """The resources of a process at one moment."""

    memory_mb: float
    """Resident memory in MB."""
    files: int
    """Open file descriptors."""
    threads: int

    def __str__(self) -> str:
        return f"{self.memory_mb:7.1f} MB {self.files:4} files {self.threads:4} threads"


def holdings(pid: int) -> Holdings:
    """Read the resources of a process.

    Raises:
        OSError: There is no such process, or no /proc.
    """
    process = Path(f"/proc/{pid}")
    pages = int((process / "statm").read_text().split()[1])
    return Holdings(
        memory_mb=pages * os.sysconf("SC_PAGE_SIZE") / MB,
        files=len(os.listdir(process / "fd")),
        threads=len(os.listdir(process / "task")),
    )
