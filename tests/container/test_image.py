"""The image gets what the server imports, and nothing that serves nobody (`make container`)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.container import image
from tests.container.docker_file import instructions
from tests.providers.file_server import serving_files
from tests.support.places import ROOT

PROGRAM = f"""
import json, pathlib, sys
import main
import models_http.command
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
    # Ray's machines import it by its name, with a library of their own.
    "models_app.py",
}
"""What is read or installed, not imported."""
MODELS = "/opt/models"
KOKORO = "/thewh1teagle/kokoro-onnx/releases/download/model-files-v1.0"
MISSING = """
from config import load_settings
from serving.first_downloads import first_downloads
settings = load_settings()
print(settings.tts.provider, settings.models.dir, [one.name for one in first_downloads(settings)])
"""


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


def run(command: str, **variables: str) -> str:
    """Run a line of the Dockerfile's; returns what it prints."""
    python = Path(sys.executable).parent
    home = {name: os.environ[name] for name in ("HOME",) if name in os.environ}
    environment = {**home, "PATH": f"{python}:{os.environ['PATH']}", **variables}
    done = subprocess.run(
        ["sh", "-ec", command], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def as_the_image_starts(models: Path, given: Mapping[str, str]) -> str:
    """What a server in the image `local` would fetch first, built with some arguments."""
    (variables,) = instructions("local", "ENV")
    exported = f"export {variables.replace(MODELS, str(models))}; exec python -c '{MISSING}'"
    return run(exported, REALTIME_STT__PROVIDER="embedded", **given).strip()


@pytest.mark.long
def test_the_models_of_a_profile_come_into_the_image_that_is_built_with_them(
    tmp_path: Path,
) -> None:
    (download,) = [one for one in instructions("local-packages", "RUN") if "--download" in one]
    models = tmp_path / "models"
    here = download.replace(MODELS, str(models))
    with serving_files() as web:
        web.files |= {
            f"{KOKORO}/kokoro-v1.0.onnx": b"\x08a model",
            f"{KOKORO}/voices-v1.0.bin": b"voices",
        }
        said = run(
            here, DOWNLOAD="local", GITHUB_ENDPOINT=web.url, REALTIME_STT__PROVIDER="embedded"
        )
        assert len(web.asked) == 2
    assert f"kokoro kokoro-v1.0: {models}" in said
    readable = [file for file in models.rglob("*") if file.stat().st_mode & 0o004]
    assert {"kokoro-v1.0.onnx", "voices-v1.0.bin"} <= {file.name for file in readable}
    # The server is told where they are, and has nothing left to fetch.
    assert as_the_image_starts(models, {"DOWNLOAD": "local"}) == f"kokoro {models} []"


@pytest.mark.long
def test_without_a_profile_the_image_has_no_models_and_keeps_them_in_its_volume(
    tmp_path: Path,
) -> None:
    (download,) = [one for one in instructions("local-packages", "RUN") if "--download" in one]
    models = tmp_path / "models"
    assert run(download.replace(MODELS, str(models)), DOWNLOAD="") == ""
    assert list(models.iterdir()) == []
    told = as_the_image_starts(models, {"DOWNLOAD": "", "XDG_CACHE_HOME": str(tmp_path)})
    assert told.startswith("kokoro None ['")
