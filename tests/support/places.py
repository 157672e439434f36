"""Where things are, wherever the test that needs them is."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The project's folder."""
DATA = ROOT / "tests" / "data"
"""Recordings."""
