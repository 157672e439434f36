"""Reads what a process holds and has used from Linux's /proc."""

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


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it.

    Raises:
        OSError: There is no such process, or no /proc.
    """
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process and its descendants have used so far.

    Raises:
        OSError: There is no such process, or no /proc.
    """
    ticks = 0
    for member in family(pid):
        stat = Path(f"/proc/{member}/stat").read_text()
        # proc(5): after the name, in brackets, the state is field 3; utime and stime are 14, 15.
        user, system = stat.rpartition(")")[2].split()[11:13]
        ticks += int(user) + int(system)
    return ticks / os.sysconf("SC_CLK_TCK")
