"""The console's modules that need no page, tried by Node: `*.test.mjs` beside this file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = sorted(Path(__file__).parent.glob("*.test.mjs"))


@pytest.mark.parametrize("program", TESTS, ids=lambda path: path.name)
def test_what_they_say_of_themselves(program: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    command = ("node", "--no-warnings", "--test", str(program))
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
