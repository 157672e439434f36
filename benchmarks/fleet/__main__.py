"""Prints the tables of `docs/scaling.md`, or writes them into it: `make scaling-page`.

python -m benchmarks.fleet                     all tables, or those that are named
python -m benchmarks.fleet --page docs/scaling.md
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.fleet.page import TABLES, written


def main(argv: Sequence[str] | None = None) -> None:
    """Do it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet")
    parser.add_argument("tables", nargs="*", help=f"of {', '.join(TABLES)}; all, if none is named")
    parser.add_argument("--page", type=Path, help="write them into this page instead")
    arguments = parser.parse_args(argv)
    if arguments.page:
        try:
            text = written(arguments.page.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SystemExit(f"{arguments.page}: {error}") from None
        arguments.page.write_text(text, encoding="utf-8")
        return
    if unknown := sorted(set(arguments.tables) - TABLES.keys()):
        parser.error(f"no table is called {', '.join(unknown)}; there are {', '.join(TABLES)}")
    for name in arguments.tables or TABLES:
        print(f"{name}\n\n{TABLES[name]()}\n", flush=True)


if __name__ == "__main__":
    main()
