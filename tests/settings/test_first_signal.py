"""A container's only process, number 1, ends at SIGTERM while it still imports its libraries."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.alone import ALONE, why_not
from tests.support.places import ROOT

SLOW = """
import os, signal
print(f"imported by {os.getpid()}", flush=True)
signal.pause()
"""


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
@pytest.mark.parametrize(
    ("program", "library"),
    [
        (["main.py"], "fastapi"),
        (["main.py", "--download"], "fastapi"),
        (["-m", "models_http"], "loguru"),
        (["-m", "open_realtime_server"], "fastapi"),
    ],
)
def test_it_ends_at_once_while_it_imports_its_first_library(
    program: list[str], library: str, tmp_path: Path
) -> None:
    (tmp_path / f"{library}.py").write_text(SLOW)
    with subprocess.Popen(
        [*ALONE, sys.executable, *program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as outer:
        try:
            assert outer.stdout is not None
            assert outer.stdout.readline() == "imported by 1\n"
            told = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text()
            os.kill(int(told), signal.SIGTERM)
            assert outer.wait(timeout=30) == 128 + signal.SIGTERM
        finally:
            outer.kill()
