"""The wheel's files: the tree as it is, within one package, and beside it the plugin of pytest.

The tree's package is a folder that comes first where Python looks: so there is one name in
site-packages, and none of ours there that another package might have too. The plugin must not put
that folder into the processes of those who test, so it is a package of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "open_realtime_server"
OWN_PACKAGES = (PACKAGE, "open_realtime_pytest")
LEFT_OUT = {"benchmarks", "build", "dist", "docs", "examples", "requirements", "tests"}
"""Folders for development."""
FILES = (
    "profiles/*.toml",
    *(f"console/**/*.{kind}" for kind in ("css", "html", "js", "svg")),
    *(f"recordings/page/*.{kind}" for kind in ("css", "html", "js")),
    "settings/downloads.json",
    "settings/locale/**/*.mo",
)
"""What the modules read."""


class Files(BuildHookInterface):  # type: ignore[misc]
    """Names every file with its place."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files; installed by `pip install -e`, the modules stay where they are.

        Args:
            version: `standard` or `editable`.
            build_data: What the wheel is built from.
        """
        root = Path(self.root)
        for path in _own(root) if version == "editable" else files(root):
            named = path.relative_to(root).as_posix()
            inside = path.relative_to(root).parts[0] not in OWN_PACKAGES
            build_data["force_include"][str(path)] = f"{PACKAGE}/{named}" if inside else named


def files(root: Path) -> Iterator[Path]:
    """Yield all files of the wheel."""
    yield from root.glob("*.py")
    for folder in root.iterdir():
        if folder.is_dir() and not folder.name.startswith(".") and folder.name not in LEFT_OUT:
            yield from (path for path in folder.rglob("*.py") if "node_modules" not in path.parts)
    for pattern in FILES:
        yield from root.glob(pattern)


def _own(root: Path) -> Iterator[Path]:
    for package in OWN_PACKAGES:
        yield from (root / package).rglob("*.py")
