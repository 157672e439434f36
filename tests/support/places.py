"""Paths that tests use, independent of the test's own folder."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The root of the repository."""
DATA = ROOT / "tests" / "data"
"""Recordings."""
