"""The image gets what the server imports, and nothing that serves nobody (`make container`)."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from tests.container import image
from tests.support.places import ROOT

PROGRAM = f"""
import json, pathlib, sys
import main
import serving.stack_check
root = pathlib.Path({str(ROOT)!r})
files = [pathlib.Path(file) for module in list(sys.modules.values())
         if (file := getattr(module, "__file__", None))]
inside = [file.relative_to(root).parts[0] for file in files if file.is_relative_to(root)]
print(json.dumps(sorted(set(inside) - {{".venv"}})))
"""
PARTS = {
    *("console", "profiles", "requirements", "requirements.lock", "requirements.txt", "LICENSE"),
    # For classes of one's own.
    "audio_utils.py",
}
"""What is read or installed, not imported."""


def allowed() -> set[str]:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert lines[1] == "*", "everything is left out that is not named"
    return {line.removeprefix("!") for line in lines if line.startswith("!")}


def test_the_image_has_what_the_server_imports_and_reads_and_no_more() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert allowed() == {*json.loads(done.stdout), *PARTS}


def test_what_is_named_for_the_image_is_there() -> None:
    assert [name for name in sorted(allowed()) if not (ROOT / name).exists()] == []
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = re.findall(r"^COPY (?!--from)(\S+)", dockerfile, re.MULTILINE)
    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_every_file_that_makes_the_image_is_one_of_those_that_are_proven() -> None:
    for pattern in image.PROVES:
        assert list(ROOT.glob(pattern)), f"{pattern} matches nothing"
    assert {"Dockerfile", ".dockerignore", "requirements.lock"} <= {*image.PROVES}
