"""What an extra lacks is found in metadata, without an import."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from settings import extras, installation, requirement_files
from settings.installation import Chosen
from tests.container.docker_file import instructions
from tests.support.places import ROOT


def extra(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> list[str]:
    """Return what a file of requirements lacks."""
    (folder / "requirements").mkdir()
    (folder / "requirements" / "own.txt").write_text(text)
    monkeypatch.setattr(requirement_files, "ROOT", folder)
    assert extras.extra_names() == {"own"}
    return extras.lacking("own")


def test_packages_are_known_by_any_spelling_of_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "# ours\n-r ../requirements.txt\nPydantic_Settings>=1\nnobody-has_this[x]>=2,<3  # no\n"
    assert extra(tmp_path, monkeypatch, text) == ["nobody-has_this"]


def test_what_an_extra_of_a_package_wants_is_looked_for_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "_of_extra", lambda *of: ["absent>1"] if of[1] == "voice" else [])
    text = "pipecat-ai[voice,ears]>=1,<2\nabsent-there; sys_platform == 'amiga'\n"
    assert extra(tmp_path, monkeypatch, text) == ["absent"]


def test_an_extra_of_a_real_package_is_read_from_its_metadata() -> None:
    assert any(line.startswith("httptools") for line in extras._of_extra("uvicorn", "standard"))


def test_hashes_are_not_part_of_what_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        f"numpy==1 \\\n    --hash=sha256:{'0' * 64} \\\n    --hash=sha256:{'1' * 64}\nabsent==2\n"
    )
    assert extra(tmp_path, monkeypatch, text) == ["absent"]
    assert requirement_files.named("requirements/own.txt") == ["numpy==1", "absent==2"]
    assert requirement_files.is_pinned("requirements/own.txt")
    assert not extras.download_bytes(["own"])


def test_what_has_hashes_is_installed_apart() -> None:
    pip = installation.pip()
    apart = f"{pip} install --no-deps --require-hashes -r requirements/embedded.txt"
    assert installation.install_extra("embedded") == apart
    assert installation.install_extra("whisper") == f"{pip} install -r requirements/whisper.txt"
    assert installation.install_extra("nobody") is None
    assert installation.add_extra("nobody") is None


def test_in_an_image_nothing_is_installed_but_the_image_is_built_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for stage in ("packages", "runtime"):
        (variables,) = instructions(stage, "ENV")
        assert f"{installation.IMAGE_VARIABLE}=1" in variables
    monkeypatch.setenv(installation.IMAGE_VARIABLE, "1")
    built = 'docker build --build-arg ALSO="{}" …'
    for name in ("whisper", "offline", "embedded"):
        assert installation.install_extra(name) == built.format(name)
        assert installation.add_extra(name) == built.format(name)
    assert installation.install_extra("nobody") is None
    of_profile = built.format("offline") + " && docker run … --profile offline"
    assert installation.start_profile("offline") == of_profile
    assert installation.start_server() == "docker run …"
    asked = installation.start_installing(Chosen("local"), asking=True)
    assert asked == "docker run … --profile local --install --yes"
    assert installation.pip().endswith(f"pip --python {sys.executable}")


@pytest.mark.skipif(os.name == "nt", reason="Windows has other paths, and no make")
def test_commands_need_no_environment_to_be_activated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "pip").touch()
    (programs / "python").touch()
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.chdir(tmp_path)
    assert installation.pip() == ".venv/bin/pip"
    with_python = ".venv/bin/python main.py --profile local --install"
    local = Chosen("local")
    assert installation.start_installing(local, asking=True) == with_python
    assert installation.start_installing(local, asking=False) == f"{with_python} --yes"
    monkeypatch.setattr(installation, "REQUIREMENTS", tmp_path / "requirements")
    (tmp_path / "requirements").mkdir()
    assert installation.start_installing(local, asking=True) == "make run PROFILE=local YES=1"
    assert installation.start_installing(Chosen(), asking=True) == 'make run ARGS="--install --yes"'
    two = Chosen("local", ("--stack", "zh=chinese"))
    made = installation.start_installing(two, asking=True)
    assert made == 'make run PROFILE=local YES=1 ARGS="--stack zh=chinese"'
    from_file = Chosen(None, ("--config", "my file.toml"))
    made = installation.start_installing(from_file, asking=True)
    assert made == """make run ARGS="--install --yes --config 'my file.toml'\""""
    assert installation.add_extra("webrtc") == "make run WITH=webrtc"
    monkeypatch.chdir(programs)
    assert installation.pip() == str(programs / "pip")
    monkeypatch.chdir("/")
    assert installation.pip() == str(programs / "pip").removeprefix("/")
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    assert installation.pip() == "pip"


def test_every_extra_of_the_project_can_be_read() -> None:
    names = extras.extra_names()
    assert {path.stem for path in (ROOT / "requirements").glob("*.txt")} == names
    assert all(extras.requirements_of(name) for name in names)
