"""Writes `settings/downloads.json`: how large the download of each file of requirements is.

Who starts the server for the first time is told before anything is fetched, so the figures are
kept. `make lock` brings them up to date: they are those of the wheels for Linux on x86-64, the
largest where there are several; other systems differ by a few per cent.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from settings.requirement_files import ROOT, extras, is_pinned

FIGURES = ROOT / "settings" / "downloads.json"
PLATFORM = ("--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_34")

Sizes = dict[str, int]
"""`name==version` → bytes."""


def measured() -> dict[str, Sizes]:
    """Return name of the file → what it adds to what `requirements.lock` has."""
    main = _sizes("requirements.lock", "--no-deps")
    found = {"requirements": main}
    for name, file in extras().items():
        alone = ("--no-deps",) if is_pinned(file) else ("--constraint", "requirements.lock")
        sizes = _sizes(file, *alone)
        found[name] = {pin: size for pin, size in sizes.items() if pin not in main}
    return found


def _sizes(file: str, *options: str) -> Sizes:
    """Let uv choose the versions of a file, and return the sizes of their wheels."""
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "pylock.toml"
        command = ["uv", "pip", "compile", "--quiet", *PLATFORM, *options, file, "-o", str(lock)]
        subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=True)
        packages = tomllib.loads(lock.read_text(encoding="utf-8")).get("packages", [])
    return {f"{one['name']}=={one['version']}": _size(one) for one in packages}


def _size(package: dict[str, Any]) -> int:
    """Return the bytes of a package's largest wheel, or of its source if it has none."""
    files = package.get("wheels") or [package.get("sdist") or package.get("archive")]
    sizes = [file["size"] for file in files if file and "size" in file]
    if not sizes:
        raise SystemExit(f"error: the index does not say how large {package['name']} is")
    return int(max(sizes))


if __name__ == "__main__":
    FIGURES.write_text(json.dumps(measured(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
