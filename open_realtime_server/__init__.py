"""What an installed server has that a checkout lacks: a name in site-packages, and commands.

The wheel lays the whole tree into this package. Its modules call each other by the names that they
have in a checkout (`config`, `providers.base`), so its folder comes first where Python looks, and
neither another package nor a file of the user's can take their place.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


def serve() -> None:
    """Run the server: `open-realtime-server`, as `python main.py` does from a checkout."""
    if not sys.flags.safe_path:
        # Classes of the user's own, which settings may name, lie where the server is started.
        sys.path.append("")
    # As `python -m main`, so that the processes of --workers begin with the same module.
    runpy.run_module("main", run_name="__main__", alter_sys=True)


def talk() -> int:
    """Run the terminal client: `open-realtime-talk`; returns its exit status."""
    from push_to_talk_app import main

    return main()


def check() -> int:
    """Check a running server from end to end: `open-realtime-check`; returns its exit status."""
    from test_client import main

    return main()
