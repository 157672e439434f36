"""What is deployed: every package pinned, hashed and asked about."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
FLAW = {"id": "PYSEC-1", "fix_versions": ["2.0"]}


def required() -> list[Requirement]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def locked() -> list[tuple[str, str]]:
    """Every requirement of the lock, and all that stands behind it."""
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


def judged(report: list[dict[str, Any]], capsys: Any) -> tuple[int, str]:
    verdict = runpy.run_path(str(ROOT / "requirements" / "audit.py"))["verdict"]
    return verdict(report), capsys.readouterr().out


def test_a_vulnerability_fails_the_check_and_is_named(capsys):
    report: list[dict[str, Any]] = [
        {"name": "good", "version": "1.0", "vulns": []},
        {"name": "bad", "version": "1.0", "vulns": [FLAW]},
        {"name": "own", "skip_reason": "not found"},
    ]
    status, said = judged(report, capsys)
    assert status == 1
    assert "bad 1.0: PYSEC-1, fixed in 2.0" in said
    assert "1 known vulnerabilities in 2 packages (1 could not be looked up)" in said


def test_nothing_that_was_looked_at_is_not_nothing_that_was_found(capsys):
    status, said = judged([{"name": "good", "skip_reason": "not found"}], capsys)
    assert status == 0
    assert "skipped" in said
    assert judged([{"name": "good", "version": "1.0", "vulns": []}], capsys)[0] == 0
