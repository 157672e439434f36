"""The console's modules keep the types in their comments."""

from __future__ import annotations

import subprocess

from tests.console.tools import CONSOLE, tool


def test_every_module_has_the_types_that_it_says() -> None:
    command = ("node", str(tool("typescript/bin/tsc")), "--project", str(CONSOLE / "jsconfig.json"))
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
