"""The wheel contains the whole server under one name, and runs in an empty environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from email.message import Message
from email.parser import Parser
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

from config import VERSION
from tests.support.places import ROOT
from tests.support.running_server import plain_http
from tests.support.server_process import started

pytestmark = pytest.mark.long

PACKAGE = "open_realtime_server"
PLUGIN = "open_realtime_pytest"
"""The plugin of pytest, which keeps the package out of the processes of those who test."""
INFO = f"{PACKAGE}-{VERSION}.dist-info"
LEFT_OUT = {"benchmarks", "docs", "examples", "requirements", "tests"}
"""Folders for development, which the wheel leaves out."""
EXTRAS = {file.stem for file in (ROOT / "requirements").glob("*.txt")}
OWN_TEST = """
import config
import sys

def test_my_config(realtime_server):
    assert config.mine and "open_realtime_server" not in sys.modules
    realtime_server.answers("It is sunny.")
    assert [rule["answers"] for rule in realtime_server.unused] == ["It is sunny."]
"""
OWN_MODEL = """
from providers.llm.embedded import EmbeddedLLM

class Own(EmbeddedLLM):
    label = "a class of one's own"
"""


class Installed(NamedTuple):
    """An environment with the wheel and its requirements."""

    commands: Path
    """Folder of its executables."""
    names: set[str]
    """Names that the wheel added to site-packages."""

    def run(
        self, *command: str, folder: Path, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run one of its programs in a folder, to its end."""
        return subprocess.run(
            [str(self.commands / command[0]), *command[1:]],
            cwd=folder,
            env={**plain_environment(), **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def plain_environment() -> dict[str, str]:
    """Return this process's environment without Python's paths and the server's settings."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("REALTIME_", "PYTHONPATH"))}


def uv(*arguments: str) -> None:
    """Run uv; where no registry can be reached, and nothing is kept of it, the test is skipped."""
    done = subprocess.run(
        [sys.executable, "-m", "uv", *arguments], capture_output=True, text=True, check=False
    )
    if "Failed to fetch" in done.stderr and "CI" not in os.environ:
        pytest.skip(f"no registry: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    uv("build", "--wheel", "--out-dir", str(folder), str(ROOT))
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install the versions that the tests run with, so that no download is needed."""
    folder = tmp_path_factory.mktemp("installed")
    versions = folder / "versions.txt"
    versions.write_text("\n".join(f"{one.name}=={one.version}" for one in distributions()))
    uv("venv", "--python", sys.executable, str(folder / "venv"))
    [packages] = (folder / "venv").glob("[Ll]ib/**/site-packages")
    commands = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    before = {entry.name for entry in packages.iterdir()}
    install = ("pip", "install", "--python", str(commands / "python"))
    uv(*install, "--no-deps", str(wheel))
    names = {entry.name for entry in packages.iterdir()} - before
    uv(*install, "--constraint", str(versions), str(wheel))
    return Installed(commands, names)


def metadata(wheel: Path) -> Message:
    with ZipFile(wheel) as archive:
        return Parser().parsestr(archive.read(f"{INFO}/METADATA").decode())


def modules() -> set[str]:
    """Return the modules of the server and its clients, and the files that they read."""
    found = [
        *ROOT.glob("*.py"),
        *ROOT.glob("profiles/*.toml"),
        *(
            path
            for path in ROOT.glob("console/**/*")
            if path.suffix in (".css", ".html", ".js", ".svg")
        ),
        *ROOT.glob("recordings/page/*"),
        *ROOT.glob("settings/locale/**/*.mo"),
        ROOT / "settings" / "downloads.json",
    ]
    for folder in ROOT.iterdir():
        if folder.is_dir() and folder.name not in LEFT_OUT and not folder.name.startswith("."):
            found += folder.rglob("*.py")
    return {path.relative_to(ROOT).as_posix() for path in found if PLUGIN not in path.parts}


def test_the_whole_server_and_nothing_else_is_in_it(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    inside = {name for name in names if name.startswith(f"{PACKAGE}/")}
    assert inside == {f"{PACKAGE}/{name.removeprefix(f'{PACKAGE}/')}" for name in modules()}
    plugin = {name for name in names if name.startswith(f"{PLUGIN}/")}
    assert plugin == {path.relative_to(ROOT).as_posix() for path in (ROOT / PLUGIN).rglob("*.py")}
    assert {name.split("/")[0] for name in names - inside - plugin} == {INFO}
    assert f"{INFO}/licenses/LICENSE" in names


def test_it_asks_for_what_the_files_of_requirements_name(wheel: Path) -> None:
    told = metadata(wheel)
    asked = {Requirement(line) for line in told.get_all("Requires-Dist", [])}
    assert set(told.get_all("Provides-Extra", [])) == EXTRAS
    assert {wanted for wanted in asked if "extra" not in str(wanted.marker)} == named(
        "requirements.txt"
    )
    for extra in EXTRAS:
        of_extra = {
            Requirement(str(wanted).partition(";")[0])
            for wanted in asked
            if f'extra == "{extra}"' in str(wanted.marker)
        }
        assert of_extra == named(f"requirements/{extra}.txt"), extra


def named(file: str) -> set[Requirement]:
    """Return what a file names; where it has hashes, they are lines of their own."""
    lines = (ROOT / file).read_text(encoding="utf-8").replace("\\", "").splitlines()
    wanted = [line.strip() for line in lines if not line.strip().startswith(("#", "-"))]
    return {Requirement(line) for line in wanted if line}


def test_the_last_version_of_the_change_log_is_its() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    named = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)
    assert next(name for name in named if name != "Unreleased") == VERSION


async def test_it_runs_in_an_empty_environment_as_a_checkout_does(
    installed: Installed, tmp_path: Path
) -> None:
    """With workers, `.env`, and a class of the user's, beside a file that is called like ours."""
    assert installed.names == {PACKAGE, PLUGIN, INFO}
    (tmp_path / "config.py").write_text("raise SystemExit('this is another config')")
    (tmp_path / "own.py").write_text(OWN_MODEL)
    (tmp_path / ".env").write_text("REALTIME_LLM__PROVIDER=own:Own\n")
    server_command = [str(installed.commands / "open-realtime-server"), "--workers", "2"]
    async with started(server_command, tmp_path) as server, plain_http() as http:
        health = (await http.get(f"{server.http}/health")).json()
        assert health == {"status": "healthy", "active_sessions": 0, "version": VERSION}
        # Said by a recording: the voice that stands in where the extra `embedded` is not installed
        # is not understood by the recogniser that does.
        wav = str(ROOT / "tests" / "data" / "flite-slt_s01.wav")
        checked = installed.run(
            "open-realtime-check", "--url", server.url, "--wav", wav, folder=tmp_path
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
        server.process.terminate()
        assert await server.ended() == 0
        assert "Traceback" not in server.logged()


def test_those_who_test_have_the_fixture_and_their_own_modules(
    installed: Installed, tmp_path: Path
) -> None:
    versions = [f"{one.name}=={one.version}" for one in distributions() if one.name == "pytest"]
    uv("pip", "install", "--python", str(installed.commands / "python"), *versions)
    (tmp_path / "config.py").write_text("mine = True")
    (tmp_path / "main.py").write_text("raise SystemExit('this is another main')")
    (tmp_path / "test_own.py").write_text(OWN_TEST)
    ran = installed.run("python", "-m", "pytest", "-q", folder=tmp_path)
    assert "1 passed" in ran.stdout, ran.stdout + ran.stderr


def test_it_speaks_the_language_of_the_user(installed: Installed, tmp_path: Path) -> None:
    said = installed.run("open-realtime-check", "-h", folder=tmp_path, LANGUAGE="zh_CN").stdout
    assert said.startswith("用法：open-realtime-check")


def test_it_says_its_version(installed: Installed, tmp_path: Path) -> None:
    said = installed.run("open-realtime-server", "--version", folder=tmp_path).stdout
    assert said == f"Open Realtime Server {VERSION}\n"


def test_what_a_provider_lacks_is_named_as_pip_knows_it(
    installed: Installed, tmp_path: Path
) -> None:
    command = ("python", "-m", PACKAGE)
    refused = installed.run(*command, folder=tmp_path, REALTIME_STT__PROVIDER="whisper")
    assert refused.returncode == 1
    assert "pip install 'open-realtime-server[whisper]'" in refused.stderr


def test_a_library_of_its_own_that_is_missing_is_one_clear_line(
    installed: Installed, tmp_path: Path
) -> None:
    program = "import sys; sys.modules['soxr'] = None; import open_realtime_server, main"
    refused = installed.run("python", "-c", program, folder=tmp_path)
    said = "The library 'soxr' is missing: run `pip install open-realtime-server`.\n"
    assert (refused.returncode, refused.stderr) == (1, said)
