"""What a provider needs beyond the server's own libraries, what of it is missing, and its size.

In a checkout that is a file of `requirements/`, in an installed server an extra of its metadata.
Neither is imported to find out: importing a library takes seconds, and may start things.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution, metadata
from pathlib import Path

from settings import requirement_files
from settings.installation import DISTRIBUTION, REQUIREMENTS

FIGURES = Path(__file__).parent / "downloads.json"
"""File of requirements → `name==version` → bytes; `make lock` measures it."""
_REQUIREMENT = re.compile(r"\s*([\w.-]+)\s*(?:\[([^\]]*)\])?([^;]*)(?:;(.*))?")
_OF_EXTRA = re.compile(r"\s*extra\s*==\s*['\"]([\w.-]+)['\"]\s*")


def extra_names() -> frozenset[str]:
    """Return the names of all extras: those of providers, of profiles, and `tracing`."""
    if REQUIREMENTS.is_dir():
        return frozenset(requirement_files.extras())
    try:
        return frozenset(metadata(DISTRIBUTION).get_all("Provides-Extra") or [])
    except PackageNotFoundError:
        # The package was copied here without pip.
        return frozenset()


def requirements_of(name: str) -> list[str]:
    """Return what an extra names, as pip reads it."""
    if REQUIREMENTS.is_dir():
        return requirement_files.named(requirement_files.extras()[name])
    return list(_of_extra(DISTRIBUTION, name))


def lacking(name: str) -> list[str]:
    """Return the packages of an extra that are not installed, in whatever version."""
    return list(dict.fromkeys(_lacking(requirements_of(name))))


def _lacking(requirements: Iterable[str]) -> Iterator[str]:
    for requirement in requirements:
        read = _REQUIREMENT.match(requirement)
        # Those for some systems only are left to pip.
        if read is None or read[4]:
            continue
        package, inner = read[1], read[2]
        if not is_installed(package):
            yield package
            continue
        for extra in (inner or "").split(","):
            yield from _lacking(_of_extra(package, extra.strip())) if extra else ()


def _of_extra(package: str, extra: str) -> Iterator[str]:
    """Yield what an installed package wants for one of its extras, without the condition."""
    for requirement in distribution(package).requires or []:
        wanted, _, condition = requirement.partition(";")
        of_extra = _OF_EXTRA.fullmatch(condition)
        if of_extra and of_extra[1] == extra:
            yield wanted.strip()


def is_installed(package: str) -> bool:
    """Return whether a package is installed, by its name for pip."""
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def download_bytes(names: Iterable[str]) -> int:
    """Return how much is fetched to install some extras, not counting what is installed."""
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    packages = {pin: size for name in names for pin, size in figures.get(name, {}).items()}
    return sum(size for pin, size in packages.items() if not is_installed(pin.partition("==")[0]))
