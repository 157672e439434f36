"""Engines that run in a process of their own, which ends when its input is closed.

They are programs of this server's that can crash, or compute for long, without harm to sessions.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

GRACE_S = 2.0
"""Seconds that a process has to end before it is killed."""

_OWN_GROUP: dict[str, Any] = (
    {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    if os.name == "nt"
    else {"start_new_session": True}
)


async def start_child(program: Path, **options: Any) -> Process:
    """Start a program in Python, with pipes to its input and from its output.

    Args:
        program: The program's file.
        options: Further arguments of `asyncio.create_subprocess_exec`.
    """
    # -P: do not import from the program's own folder, whose modules are the server's.
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        str(program),
        stdin=PIPE,
        stdout=PIPE,
        # So that a Ctrl-C to the server's process group does not reach it.
        **_OWN_GROUP,
        **options,
    )


async def stop_child(process: Process) -> int:
    """End a process and return its exit status.

    Closing its input ends it, whatever it does and on every system; one that hangs is killed.
    """
    assert process.stdin is not None
    process.stdin.close()
    try:
        return await asyncio.wait_for(process.wait(), GRACE_S)
    except TimeoutError:
        process.kill()
        return await process.wait()
