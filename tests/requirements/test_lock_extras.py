"""Every extra has a lock that adds to the server's, and any choice of them holds together."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from requirements.lock_extras import LOCK, LOCKED, added, locked_extras, pins
from settings.requirement_files import named

MAIN = pins(LOCK.read_text(encoding="utf-8"))
LOCKS = {file.stem: pins(file.read_text(encoding="utf-8")) for file in LOCKED.glob("*.lock")}
TEXT = """# by hand
one==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
two[extra]==2.0 ; sys_platform == 'linux' \\
    --hash=sha256:cc
Three.Three==3
"""


def test_a_lock_is_read_entry_by_entry() -> None:
    found = pins(TEXT)
    assert list(found) == [
        ("one", "==1.0"),
        ("two", '==2.0 ; sys_platform == "linux"'),
        ("three-three", "==3"),
    ]
    assert found["one", "==1.0"].endswith("--hash=sha256:bb")


def test_what_the_server_has_is_not_added() -> None:
    assert added(TEXT, "one==0.9 \\\n    --hash=sha256:aa\nthree-three==3\n") == (
        "two[extra]==2.0 ; sys_platform == 'linux' \\\n    --hash=sha256:cc\n"
    )


def test_there_is_a_lock_for_every_extra_and_none_besides() -> None:
    assert LOCKS.keys() == locked_extras().keys(), "run `make lock`"


@pytest.mark.parametrize("name", sorted(LOCKS))
def test_a_lock_holds_what_its_extra_wants_with_hashes(name: str) -> None:
    for entry in LOCKS[name].values():
        assert "--hash=sha256:" in entry, entry
    there = [*MAIN, *LOCKS[name]]
    for wanted in map(Requirement, named(locked_extras()[name])):
        versions = [
            version.partition(" ;")[0].removeprefix("==")
            for package, version in there
            if package == canonicalize_name(wanted.name)
        ]
        assert versions, f"{wanted} is missing: run `make lock`"
        for version in versions:
            assert wanted.specifier.contains(version), f"{wanted}, not {version}: run `make lock`"


def test_all_locks_agree_on_every_version() -> None:
    agreed: dict[str, set[str]] = {}
    for lock in LOCKS.values():
        for package in {package for package, _version in lock}:
            versions = {version for other, version in lock if other == package}
            assert agreed.setdefault(package, versions) == versions, package
            assert package not in {main for main, _version in MAIN}, package
