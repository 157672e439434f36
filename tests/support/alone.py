"""Runs a command as a container does: as number 1, with no process of others in sight."""

from __future__ import annotations

import shutil
import subprocess

ALONE = (
    *("unshare", "--user", "--map-root-user", "--pid", "--mount-proc"),
    *("--fork", "--kill-child"),
)
"""What comes before the command."""


def why_not() -> str | None:
    """Return why that is not possible here; None: it is."""
    if shutil.which("unshare") is None:
        return "there is no unshare"
    tried = subprocess.run([*ALONE, "true"], capture_output=True, text=True)
    return f"no namespaces here: {tried.stderr}" if tried.returncode else None
