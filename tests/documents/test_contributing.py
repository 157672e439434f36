"""What CONTRIBUTING.md shows is complete: its diffs, applied to a copy of the tree, work."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.places import ROOT

NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", ".*_cache", "data", "node_modules"
)


def shown(section: str) -> str:
    """Return the diff in a section of the document."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (body,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    (diff,) = re.findall(r"^```diff\n(.*?)^```$", body, re.MULTILINE | re.DOTALL)
    return str(diff)


def tree(folder: Path, diff: str, *files: str) -> Path:
    """Copy the tree and apply a diff, or its parts about some files."""
    copy = folder / "tree"
    shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
    # Line numbers may shift: a hunk is placed by its context lines.
    command = ["git", "apply", "--recount", "-C1", *(f"--include={name}" for name in files), "-"]
    subprocess.run(command, cwd=copy, env=alone(copy), input=diff, text=True, check=True)
    return copy


def alone(copy: Path) -> dict[str, str]:
    """Return an environment in which git ignores a repository around the folder."""
    return {**os.environ, "GIT_CEILING_DIRECTORIES": str(copy.parent)}


def run(copy: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_provider_speaks_and_the_readmes_are_complete(tmp_path):
    copy = tree(tmp_path, shown("Adding a provider"))
    checked = run(
        copy,
        "main.py",
        "--check",
        REALTIME_STT__PROVIDER="scripted",
        REALTIME_LLM__PROVIDER="scripted",
        REALTIME_TTS__PROVIDER="chime",
        REALTIME_TTS__OPTIONS='{"pitch_hz": 440}',
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    # Nine words, 200 ms each.
    assert "in 1.8 s of audio" in checked.stdout
    tables = run(copy, "-m", "pytest", "-q", "tests/documents/test_provider_tables.py")
    assert tables.returncode == 0, tables.stdout
    for style in (["check"], ["format", "--check"]):
        linted = run(copy, "-m", "ruff", *style, "providers/tts/chime.py")
        assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize(
    ("forgotten", "asked_for"),
    [
        ("README.md", "README.md lacks a row: | TTS | `chime` | …"),
        ("README.zh-CN.md", "README.zh-CN.md: the options of `chime` lack pitch_hz"),
        ("requirements/chime.txt", "requirements/ lacks chime.txt"),
    ],
)
def test_what_was_forgotten_is_named(tmp_path, forgotten, asked_for):
    files = {"providers/tts/chime.py", "requirements/chime.txt", "README.md", "README.zh-CN.md"}
    copy = tree(tmp_path, shown("Adding a provider"), *sorted(files - {forgotten}))
    tables = run(copy, "-m", "pytest", "-q", "tests/documents/test_provider_tables.py")
    assert tables.returncode == 1
    assert asked_for in tables.stdout
