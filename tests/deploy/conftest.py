"""Helm has packages for most machines; on the others these tests are skipped by name."""

from __future__ import annotations

from importlib.util import find_spec

import pytest


@pytest.fixture(autouse=True)
def _helm() -> None:
    if find_spec("helm_python") is None:
        pytest.skip("helm-python-sdk has no package for this machine")
