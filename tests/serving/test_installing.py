"""A stack that lacks something says all of it at once, and `--install` gets what can be got."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.requirements.small_project import UV, wheel, write_index
from tests.serving.fake_ollama import FakeOllama, fake_ollama
from tests.support.places import ROOT
from tests.support.running_server import plain_http
from tests.support.server_process import started

pytestmark = pytest.mark.long

NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", ".*_cache", "tests", "docs", "node_modules", "benchmarks"
)
KEY = "a-key-of-deepgram-s"


@pytest.fixture
def ollama() -> Iterator[FakeOllama]:
    with fake_ollama() as fake:
        yield fake


@dataclass
class Checkout:
    """A copy of the server in an environment of its own, where what Deepgram needs is missing."""

    folder: Path
    python: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the server to its end; nobody can be asked."""
        return subprocess.run(
            [str(self.python), "main.py", *arguments],
            cwd=self.folder,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def has(self, module: str) -> bool:
        """Whether something is installed in its environment."""
        command = [str(self.python), "-c", f"import {module}"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def checkout(tmp_path: Path, ollama: FakeOllama) -> Checkout:
    copy = tmp_path / "checkout"
    shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
    (copy / "requirements" / "deepgram.txt").write_text("small_library\n")
    found = wheel(tmp_path / "simple" / "small-model", "small_model")
    wheel(tmp_path / "simple" / "small-library", "small_library")
    write_index(tmp_path / "simple")
    # A profile may need more than its providers do, and by hashes.
    (copy / "requirements" / "own.txt").write_text(f"small_model==1.0 --hash=sha256:{found}\n")
    (copy / "profiles" / "own.toml").write_text(
        '[stt]\nprovider = "deepgram"\n[llm]\nprovider = "ollama"\n[tts]\nprovider = "scripted"\n'
    )
    venv = tmp_path / "venv"
    subprocess.run([str(UV), "venv", "--quiet", "--python", sys.executable, str(venv)], check=True)
    [packages] = venv.glob("lib/python*/site-packages")
    # What is installed for the tests is there, and yet is not of this environment.
    (packages / "shared.pth").write_text(sysconfig.get_path("purelib"))
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("REALTIME_", "PIP_", "UV_", "PYTHON", "DEEPGRAM"))
    }
    environment = {
        **kept,
        "HOME": str(tmp_path),
        "XDG_CONFIG_DIRS": str(tmp_path),
        "PIP_INDEX_URL": (tmp_path / "simple").as_uri(),
        "REALTIME_LLM__API_BASE": ollama.address,
        "LC_ALL": "C.UTF-8",
    }
    return Checkout(copy, venv / "bin" / "python", environment)


def test_everything_that_is_missing_is_named_at_once_with_its_remedy(checkout: Checkout) -> None:
    refused = checkout.run("--profile", "own")
    assert refused.returncode == 1
    first, packages, model, key = refused.stderr.splitlines()
    assert first == "error: 3 things are missing, 2.0 GB to download:"
    command = f"{checkout.python} main.py --profile own --install"
    assert f"small_library, small_model. {command} (or: " in packages
    assert "pip install -r requirements/deepgram.txt" in packages
    assert "Ollama's model llama3.2, 2.0 GB" in model
    assert "ollama pull llama3.2" in model
    assert "'deepgram' needs an API key: set DEEPGRAM_API_KEY" in key


def test_of_a_profile_s_other_for_the_language_what_is_missing_is_named(checkout: Checkout) -> None:
    (checkout.folder / "profiles" / "spoken.toml").write_text(
        '[languages]\nzh = "own"\n[llm]\nprovider = "ollama"\n'
    )
    refused = checkout.run("--profile", "spoken", REALTIME_STT__LANGUAGE="zh")
    assert "small_library, small_model" in refused.stderr


def test_what_a_further_stack_lacks_is_named_with_its_table(checkout: Checkout) -> None:
    refused = checkout.run(
        "--stack",
        "other=own",
        REALTIME_LLM__PROVIDER="scripted",
        REALTIME_STACKS__OTHER__LLM__API_BASE=checkout.environment["REALTIME_LLM__API_BASE"],
    )
    assert refused.returncode == 1
    _count, packages, model, key = refused.stderr.splitlines()
    assert f"small_library, small_model. {checkout.python} main.py --stack other=own" in packages
    assert "ollama pull llama3.2" in model
    assert "stacks.other.stt.provider 'deepgram' needs an API key" in key


def test_models_that_the_server_will_fetch_are_named_and_counted(checkout: Checkout) -> None:
    refused = checkout.run("--profile", "own", REALTIME_TTS__PROVIDER="kokoro")
    first, _packages, _ollama, model, _key = refused.stderr.splitlines()
    assert first == "error: 4 things are missing, 2.3 GB to download:"
    assert model == (
        "  - The model Kokoro kokoro-v1.0, 338 MB: the server fetches it as it starts."
    )


def test_one_thing_is_one_line(checkout: Checkout) -> None:
    (checkout.folder / "requirements" / "deepgram.txt").write_text("numpy\n")
    refused = checkout.run(REALTIME_STT__PROVIDER="deepgram", REALTIME_LLM__PROVIDER="embedded")
    [line] = refused.stderr.splitlines()
    assert line == "error: stt.provider 'deepgram' needs an API key: set DEEPGRAM_API_KEY."


def test_without_a_terminal_nothing_is_installed_unasked(
    checkout: Checkout, ollama: FakeOllama
) -> None:
    refused = checkout.run("--profile", "own", "--install", DEEPGRAM_API_KEY=KEY)
    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        "error: Nobody can be asked here, so nothing was installed: "
        f"{checkout.python} main.py --profile own --install --yes"
    ]
    assert "small_library" in refused.stdout
    assert not checkout.has("small_library")
    assert ollama.pulled == []


@pytest.mark.parametrize("flags", [(), ("--install", "--yes")])
def test_in_an_image_nothing_is_installed_and_the_remedy_is_another_image(
    checkout: Checkout, ollama: FakeOllama, flags: tuple[str, ...]
) -> None:
    (checkout.folder / "requirements" / "own.txt").unlink()
    refused = checkout.run("--profile", "own", *flags, OPEN_REALTIME_SERVER_IMAGE="1")
    assert refused.returncode == 1
    _count, packages, model, _key = refused.stderr.splitlines()
    assert packages.endswith('small_library. docker build --build-arg ALSO="deepgram" …')
    assert "docker run … --profile own --install --yes" in model
    assert not checkout.has("small_library")
    assert ollama.pulled == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such terminals")
def test_who_says_no_gets_nothing(checkout: Checkout, ollama: FakeOllama) -> None:
    terminal, theirs = os.openpty()
    os.write(terminal, b"n\n")
    done = subprocess.run(
        [str(checkout.python), "main.py", "--profile", "own", "--install"],
        cwd=checkout.folder,
        env=checkout.environment,
        stdin=theirs,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    os.close(terminal)
    os.close(theirs)
    assert "Get that now? [y/N]" in done.stdout
    assert (done.returncode, done.stderr) == (1, "Nothing was installed.\n")
    assert not checkout.has("small_library")
    assert ollama.pulled == []


def test_what_it_cannot_get_is_left_and_named(checkout: Checkout, ollama: FakeOllama) -> None:
    done = checkout.run("--profile", "own", "--install", "--yes")
    assert checkout.has("small_library, small_model")
    assert ollama.pulled == ["llama3.2"]
    assert "llama3.2: 100 % of 0 MB" in done.stdout
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "error: stt.provider 'deepgram' needs an API key: set DEEPGRAM_API_KEY."
    )


async def test_with_all_of_it_the_server_starts(checkout: Checkout, ollama: FakeOllama) -> None:
    command = [str(checkout.python), "main.py", "--profile", "own", "--install", "--yes"]
    environment = {**checkout.environment, "DEEPGRAM_API_KEY": KEY}
    async with started(command, checkout.folder, **environment) as server, plain_http() as http:
        assert (await http.get(f"{server.http}/health")).json()["status"] == "healthy"
    assert ollama.pulled == ["llama3.2"]
    # Once all is there, nobody is asked, and no index.
    environment["PIP_INDEX_URL"] = "http://127.0.0.1:9/simple"
    async with started(command[:-1], checkout.folder, **environment) as server:
        assert server.process.returncode is None


def test_a_hash_that_is_wrong_installs_nothing(checkout: Checkout) -> None:
    own = checkout.folder / "requirements" / "own.txt"
    own.write_text(f"small_model==1.0 --hash=sha256:{'0' * 64}\n")
    done = checkout.run("--profile", "own", "--install", "--yes", DEEPGRAM_API_KEY=KEY)
    assert checkout.has("small_library")
    assert not checkout.has("small_model")
    assert "DO NOT MATCH THE HASHES" in done.stdout + done.stderr
    assert "small_model" in done.stderr.splitlines()[-1]


def test_an_ollama_that_does_not_answer_is_named_with_the_rest(checkout: Checkout) -> None:
    refused = checkout.run("--profile", "own", REALTIME_LLM__API_BASE="http://127.0.0.1:9")
    assert refused.returncode == 1
    assert "Ollama does not answer at http://127.0.0.1:9 (Connection refused)" in refused.stderr
    assert "DEEPGRAM_API_KEY" in refused.stderr
