"""Runs the server for the tests of the process that started this one, and ends with it.

That process holds the other end of this one's standard input, which the system closes when it ends,
even if it was killed.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading
from pathlib import Path


def _end_with_parent() -> None:
    # Not by `sys.stdin`, whose lock would be held when the interpreter ends.
    while os.read(0, 4096):
        pass
    # There is nothing to save, and nobody to wait for.
    os._exit(0)


def main() -> None:
    """Run the server, with the arguments of this process."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    here = Path(__file__).resolve().parent
    if sys.path[0] == str(here):
        # As this is a script, its folder is the first in which Python looks.
        del sys.path[0]
    if (here.parent / "main.py").is_file() and (here.parent / "pyproject.toml").is_file():
        sys.path.insert(0, str(here.parent))
        runpy.run_module("main", run_name="__main__", alter_sys=True)
    else:
        runpy.run_module("open_realtime_server", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
