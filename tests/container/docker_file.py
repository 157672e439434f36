"""What `Dockerfile` says, stage by stage: so that a line of it can be run without an image."""

from __future__ import annotations

import re

from tests.support.places import ROOT


def stage(name: str) -> str:
    """Return the instructions of a stage, each on one line, without comments.

    Raises:
        KeyError: There is no such stage.
    """
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"[ \t]*\\\n[ \t]*", " ", kept)
    stages = re.findall(r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM |\Z)", joined, re.MULTILINE | re.DOTALL)
    named: dict[str, str] = dict(stages)
    return named[name].strip()


def instructions(name: str, kind: str) -> list[str]:
    """Return what follows an instruction, such as `RUN`, each time that a stage has it."""
    return re.findall(rf"^{kind} (.*)$", stage(name), re.MULTILINE)
