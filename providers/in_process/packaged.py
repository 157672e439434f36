"""Models that come inside Python packages of others: found without running a line of theirs.

A package of weights may be replaced by whoever can publish it. So its folder is found without an
import, and a file is used only if it is, byte for byte, the one that was tried.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

_BLOCK_BYTES = 1 << 20


class PackageUnavailable(Exception):
    """A package's model cannot be used; the text says why, and what to do.

    It is made when it is read: at a terminal in the user's language, for a client in English.
    """

    def __init__(self, say: Callable[[], str]) -> None:
        """Make the error of what returns its text."""
        super().__init__()
        self._say = say

    def __str__(self) -> str:
        """Return the text."""
        return self._say()


def package_folder(package: str) -> Path | None:
    """Return the folder of an installed top-level package, without importing it; None if absent."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def sha256_of(files: Iterable[Path]) -> str:
    """Return the sum of the files, one after another, in hexadecimal digits.

    Raises:
        OSError: A file cannot be read.
    """
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    return digest.hexdigest()
