"""Files of installed packages, found and checked without an import."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from providers.in_process.packaged import package_folder, sha256_of


def test_a_package_is_found_without_being_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "some_weights").mkdir()
    (tmp_path / "some_weights" / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert package_folder("some_weights") == tmp_path / "some_weights"
    assert "some_weights" not in sys.modules


def test_what_is_no_package_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some_module.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert package_folder("some_module") is None
    assert package_folder("no_such_package") is None


def test_parts_have_the_sum_of_the_whole(tmp_path: Path) -> None:
    parts = [tmp_path / "1", tmp_path / "2"]
    for path, content in zip(parts, (b"ab", b"c"), strict=True):
        path.write_bytes(content)
    assert sha256_of(parts) == hashlib.sha256(b"abc").hexdigest()
