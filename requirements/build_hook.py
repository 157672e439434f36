"""The wheel's dependencies: those of `requirements.txt`, and an extra for each of `requirements/`.

Hatchling calls it when it builds. Whoever adds a file of requirements has an extra by that; files
with hashes, which an extra cannot have, lend it their exact versions.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

# Hatchling loads this file by its path.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from settings.requirement_files import MAIN, extras, named


class Dependencies(MetadataHookInterface):  # type: ignore[misc]
    """Adds what `pyproject.toml` declares to be dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Put the dependencies and the extras into the metadata."""
        metadata["dependencies"] = named(MAIN)
        metadata["optional-dependencies"] = {name: named(file) for name, file in extras().items()}
