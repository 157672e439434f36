"""Every deployed package is pinned, hashed and audited."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from settings.requirement_files import extras, named
from tests.support.places import ROOT

GOOD = {"name": "good", "version": "1.0", "vulns": []}
FLAW = {"id": "PYSEC-1", "fix_versions": ["2.0"]}


def required() -> list[Requirement]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def locked() -> list[tuple[str, str]]:
    """Return every requirement of the lock, with its hashes."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    parts = [line.partition(" --hash") for line in lines]
    return [(head.strip(), mark + tail) for head, mark, tail in parts]


def test_every_package_is_pinned_to_a_version_and_has_hashes():
    assert len(locked()) > len(required())
    for requirement, hashes in locked():
        assert re.fullmatch(r"[\w.\-\[\],]+==[^ ;]+( ?;.*)?", requirement), requirement
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", hashes), requirement


def test_the_lock_is_made_of_the_requirements_there_are_now():
    """`make lock` brings it up to date."""
    pinned: dict[str, list[Requirement]] = {}
    for line, _ in locked():
        requirement = Requirement(line)
        pinned.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    for wanted in required():
        found = pinned.get(canonicalize_name(wanted.name), [])
        assert found, f"{wanted.name} is not in requirements.lock: run `make lock`"
        if wanted.marker is not None:
            continue
        for pin in found:
            version = next(iter(pin.specifier)).version
            assert wanted.specifier.contains(version), f"{pin} is not {wanted}: run `make lock`"


FIGURES: dict[str, dict[str, int]] = json.loads(
    (ROOT / "settings" / "downloads.json").read_text(encoding="utf-8")
)
"""What the first start says of its download: file → `name==version` → bytes."""


def test_the_sizes_of_downloads_are_those_of_the_lock_and_of_every_file() -> None:
    """`make lock` brings them up to date."""
    environment = {"python_version": "3.11", "python_full_version": "3.11.9"}
    needed = {
        f"{pin.name}{pin.specifier}"
        for pin in (Requirement(line) for line, _ in locked())
        if pin.marker is None or pin.marker.evaluate(environment)
    }
    assert FIGURES["requirements"].keys() == needed
    assert FIGURES.keys() == {"requirements", *extras()}
    for name, file in extras().items():
        measured = {
            canonicalize_name(pin.name): next(iter(pin.specifier)).version
            for pin in map(Requirement, FIGURES["requirements"] | FIGURES[name])
        }
        for wanted in map(Requirement, named(file)):
            found = measured.get(canonicalize_name(wanted.name), "no version")
            assert wanted.specifier.contains(found), (
                f"{file}: {wanted}, not {found}: run `make lock`"
            )


def test_the_first_start_downloads_less_than_a_gigabyte() -> None:
    first = FIGURES["requirements"] | FIGURES.get("embedded", {})
    assert 100e6 < sum(first.values()) < 1e9


def test_what_needs_no_extra_does_without_the_packages_of_extras():
    """Here extras are installed; with the lock alone, importing one would fail the start."""
    program = f"""
import sys
sys.modules.update(dict.fromkeys({["httpx", "anthropic", "google.genai"]}))
import main
import serving.stack_check
from config import load_settings
from pipeline_manager import PipelineManager
openai = {{"provider": "openai", "api_base": "http://127.0.0.1:9/v1"}}
PipelineManager(load_settings(stt=openai, llm=openai, tts=openai))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_every_dependency_is_named_with_its_reason(readme):
    text = (ROOT / readme).read_text(encoding="utf-8")
    named = {name for line in text.splitlines() if line.startswith("|") for name in packages(line)}
    tools = {"uv", "pip-audit", "opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"}
    assert {wanted.name for wanted in required()} | tools <= named


def packages(row: str) -> list[str]:
    """The words of a table's first cell."""
    return re.findall(r"[\w-]+", row.split("|")[1])


def test_the_lock_holds_for_every_python_that_is_supported():
    marked = {
        str(requirement.specifier): requirement.marker
        for requirement in map(Requirement, (line for line, _ in locked()))
        if requirement.name == "pocketsphinx"
    }
    for version, pin in (("3.11", "==5.1.1"), ("3.12", "==5.0.4"), ("3.13", "==5.1.1")):
        marker = marked[pin]
        assert marker is not None
        environment = {"python_version": version, "python_full_version": f"{version}.1"}
        assert Marker(str(marker)).evaluate(environment)


def audited(prints: str, folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the audit with a fake pip-audit that prints `prints`; return exit status and output."""
    package = folder / "pip_audit"
    package.mkdir(exist_ok=True)
    (package / "__init__.py").touch()
    # The lock itself must be audited, without resolving it again.
    code = f"""import sys
deployed = {[str(ROOT / "requirements.lock"), str(ROOT / "requirements" / "embedded.txt")]}
if not {{"--require-hashes", *deployed}} <= set(sys.argv):
    sys.exit("asked about something else")
print({prints!r})
"""
    (package / "__main__.py").write_text(code)
    ran = subprocess.run(
        [sys.executable, str(ROOT / "requirements" / "audit.py"), *arguments],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ran.returncode, ran.stdout


def report(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages})


def test_a_vulnerability_fails_the_check_and_is_named(tmp_path):
    bad = {"name": "bad", "version": "1.0", "vulns": [FLAW]}
    unknown = {"name": "own", "skip_reason": "not found"}
    status, said = audited(report(GOOD, bad, unknown), tmp_path)
    assert status == 1
    assert "bad 1.0: PYSEC-1, fixed in 2.0" in said
    assert "1 known vulnerabilities in 2 packages (1 could not be looked up)" in said
    assert audited(report(GOOD), tmp_path) == (0, "audit: 0 known vulnerabilities in 1 packages\n")


@pytest.mark.parametrize(
    "answer", [report({"name": "good", "skip_reason": "not found"}), "no JSON"], ids=["none", "bad"]
)
def test_without_an_answer_the_check_says_so_and_passes_unless_it_is_strict(answer, tmp_path):
    status, said = audited(answer, tmp_path)
    assert status == 0
    assert said.startswith("audit: skipped")
    assert audited(answer, tmp_path, "--strict")[0] == 1


@pytest.mark.parametrize("extras", ["", "whisper tracing"])
def test_the_lock_can_be_made_with_what_one_deploys(extras, tmp_path):
    shown = subprocess.run(
        ["make", "-n", "lock", f"WITH={extras}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    named = re.findall(r"requirements\S*\.txt", shown.partition("compile")[2])
    assert named == ["requirements.txt", *(f"requirements/{name}.txt" for name in extras.split())]
    assert "--generate-hashes" in shown
