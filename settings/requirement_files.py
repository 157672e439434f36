"""Reads the files of requirements: what each names, and whether it is pinned by hashes.

A file with hashes names packages of which every byte is known. It is installed apart from all
others, because pip then wants a hash of everything, and without dependencies, which
`requirements.txt` has. The standard library alone: it runs before anything is installed.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAIN = "requirements.txt"
"""What the server and its clients need."""
EMBEDDED = "requirements/embedded.txt"
"""Recogniser and voice of the embedded stack; without them it has simpler ones."""
HASH = " --hash="


def extras() -> dict[str, str]:
    """Return name → path within the project, for every file of `requirements/`."""
    return {path.stem: f"requirements/{path.name}" for path in sorted(_folder().glob("*.txt"))}


def is_pinned(file: str) -> bool:
    """Return whether a file has hashes."""
    return HASH in _text(file)


def named(file: str) -> list[str]:
    """Return the requirements in a file, without hashes and without those of files it includes."""
    lines = (line.partition(HASH)[0].strip() for line in _text(file).splitlines())
    return [line for line in lines if line and not line.startswith("-")]


def _text(file: str) -> str:
    """Return a file without comments, one requirement a line."""
    text = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
    return re.sub(r"[ \t]+", " ", re.sub(r"(^|\s)#.*", "", text))


def _folder() -> Path:
    return ROOT / "requirements"
