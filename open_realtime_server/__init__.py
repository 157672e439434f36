"""The package of an installed server, and its commands.

The wheel puts the whole tree into this package. Its modules import each other by their names in a
checkout (`config`, `providers.base`), so this folder comes first in `sys.path`; no other package or
file of the user's can replace them.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


def serve() -> None:
    """Run the server: `open-realtime-server`, as `python main.py` does from a checkout."""
    _with_own_classes()
    # As `python -m main`, so that the processes of --workers start with the same module.
    runpy.run_module("main", run_name="__main__", alter_sys=True)


def models() -> None:
    """Run the server of models: `open-realtime-models`, as `python -m models_http` does."""
    _with_own_classes()
    runpy.run_module("models_http", run_name="__main__", alter_sys=True)


def talk() -> int:
    """Run the terminal client: `open-realtime-talk`; returns its exit status."""
    from push_to_talk_app import main

    return main()


def check() -> int:
    """Check a running server from end to end: `open-realtime-check`; returns its exit status."""
    from test_client import main

    return main()


def recordings() -> int:
    """Show recorded sessions: `open-realtime-recordings`; returns its exit status."""
    from recordings.command import main

    return main()


def _with_own_classes() -> None:
    if not sys.flags.safe_path:
        # The user's own classes, which settings may name, are in the working directory.
        sys.path.append("")
