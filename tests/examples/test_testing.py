"""The examples of tests of clients, in Python and in Node, run as their readers run them."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.examples.programs import EXAMPLES, run
from tests.foreign_clients.installed import install
from tests.support.places import ROOT

VITEST = Path(__file__).parent / "vitest"
NO_SECRETS = {"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}


async def test_pytest_and_the_openai_package(tmp_path: Path):
    for name in ("weather.py", "test_weather.py"):
        shutil.copy(EXAMPLES / "testing" / name, tmp_path)
    command = (sys.executable, "-m", "pytest", "-p", "open_realtime_pytest.plugin")
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    said = await run(
        *command,
        *("-n", "0", "-p", "no:cacheprovider"),
        folder=tmp_path,
        environment={"PYTHONPATH": paths, **NO_SECRETS},
    )
    assert re.search(r"\b4 passed\b", said), said


@pytest.fixture
def node_folder(tmp_path: Path) -> Path:
    """The example for Node, beside the packages that it needs."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node is not installed")
    command = (npm, "ci", "--no-audit", "--no-fund", "--loglevel=error")
    if reason := install((command,), VITEST / "node_modules", VITEST / "package-lock.json"):
        pytest.skip(f"npm could not install vitest: {reason}")
    package = json.loads((EXAMPLES / "testing" / "node" / "package.json").read_text())
    installed = json.loads((VITEST / "package.json").read_text())["dependencies"]
    needed = package["dependencies"] | package["devDependencies"]
    assert {name: version.removeprefix("^") for name, version in needed.items()} == installed
    for file in (EXAMPLES / "testing" / "node").iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path)
    (tmp_path / "node_modules").symlink_to(VITEST / "node_modules")
    return tmp_path


async def test_vitest_and_the_openai_package(node_folder: Path):
    report = node_folder / "report.json"
    vitest = str(VITEST / "node_modules" / "vitest" / "vitest.mjs")
    server = f"'{sys.executable}' '{ROOT / 'main.py'}'"
    await run(
        *("node", vitest, "run", "--reporter=json", f"--outputFile={report}"),
        folder=node_folder,
        environment={"OPEN_REALTIME_SERVER": server, **NO_SECRETS},
    )
    told = json.loads(report.read_text())
    assert (told["numPassedTests"], told["numTotalTests"]) == (4, 4), told
