"""Judges that others have published, installed apart: the project itself does not need them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.foreign_clients.installed import install

HERE = Path(__file__).parent
MISTRAL_VERSIONS = ("V3", "V5", "V11", "V13")
"""Versions of Mistral's own checks, from its first models with tools to its newest ones."""


def _installed(name: str) -> Path:
    """Return the folder with a package; skips the test where it cannot be installed."""
    folder, needs = HERE / ".venv" / name, HERE / f"{name}.txt"
    command = (
        *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps"),
        *("--target", str(folder), "-r", str(needs)),
    )
    if reason := install((command,), folder, needs):
        pytest.skip(f"{name} could not be installed: {reason}")
    return folder


def published_template(name: str) -> str:
    """Return a model's own chat template, of those that the package `trl` has."""
    folder = _installed("trl") / "trl" / "chat_templates"
    return (folder / f"{name}.jinja").read_text(encoding="utf-8")


def ask_mistral(conversations: Sequence[list[dict[str, Any]]]) -> dict[str, list[str | None]]:
    """Return version → for each conversation, why Mistral's own checks refuse it; None: not."""
    done = subprocess.run(
        (sys.executable, str(HERE / "ask_mistral.py"), *MISTRAL_VERSIONS),
        input=json.dumps(conversations),
        env={**os.environ, "PYTHONPATH": str(_installed("mistral"))},
        capture_output=True,
        text=True,
        check=True,
    )
    verdicts: dict[str, list[str | None]] = json.loads(done.stdout)
    return verdicts
