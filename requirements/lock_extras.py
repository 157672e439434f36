"""Writes `requirements/locked/NAME.lock` for each extra: what it adds to `requirements.lock`.

    python -m requirements.lock_extras

`make lock` runs it. Engines and vendors' libraries are chosen freely, and a lock for every choice
would be one of thousands. So all are resolved together, with the versions that the server's lock
has, and each gets the part that is its own, with hashes: any choice of them holds together.

    pip install --no-deps --require-hashes -r requirements.lock -r requirements/locked/whisper.lock
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from settings.requirement_files import MAIN, ROOT, extras, is_pinned

LOCK = ROOT / "requirements.lock"
LOCKED = ROOT / "requirements" / "locked"
CLIENT_ONLY = {"echo"}
"""For the terminal client, which no server is deployed with."""
IMAGES_ONLY = {"cuda": "requirements/cuda.in"}
"""What an image may need besides, and a machine has already."""


def locked_extras() -> dict[str, str]:
    """Return name → file, of the extras that get a lock: those whose files have no hashes yet."""
    unpinned = {name: file for name, file in extras().items() if not is_pinned(file)}
    return {name: unpinned[name] for name in unpinned.keys() - CLIENT_ONLY} | IMAGES_ONLY


def pins(lock: str) -> dict[tuple[str, str], str]:
    """Return (package, version and marker) → its lines, of a lock's text."""
    found: dict[tuple[str, str], str] = {}
    for entry in re.findall(r"^[a-zA-Z0-9].*(?:\n[ \t]+.*)*", lock, re.MULTILINE):
        requirement = Requirement(entry.partition("\\")[0].strip())
        marker = f" ; {requirement.marker}" if requirement.marker else ""
        found[canonicalize_name(requirement.name), f"{requirement.specifier}{marker}"] = entry
    return found


def added(whole: str, main: str) -> str:
    """Return the entries of a lock whose packages another one does not have."""
    there = {name for name, _version in pins(main)}
    own = (entry for (name, _version), entry in pins(whole).items() if name not in there)
    return "".join(f"{entry.rstrip()}\n" for entry in own)


def _compiled(constraints: list[Path], files: list[str]) -> str:
    """Let uv choose versions, for all platforms and Pythons; returns a lock with hashes."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made.lock"
        command = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
        command += ["--generate-hashes", "--no-annotate", "--no-header", "-o", str(made)]
        for constraint in constraints:
            command += ["-c", str(constraint)]
        subprocess.run([sys.executable, "-m", *command, *files], cwd=ROOT, check=True)
        return made.read_text(encoding="utf-8")


def main() -> None:
    """Write the locks anew, and remove those whose extra is no more."""
    main_lock = LOCK.read_text(encoding="utf-8")
    LOCKED.mkdir(exist_ok=True)
    for old in LOCKED.glob("*.lock"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        together = Path(folder) / "together.lock"
        files = locked_extras()
        together.write_text(_compiled([LOCK], [MAIN, *files.values()]), encoding="utf-8")
        for name, file in files.items():
            own = added(_compiled([LOCK, together], [file]), main_lock)
            head = f"# Made by `make lock`: what {file} adds to requirements.lock.\n"
            (LOCKED / f"{name}.lock").write_text(head + own, encoding="utf-8")


if __name__ == "__main__":
    main()
