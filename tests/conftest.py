"""Fixtures that several files of tests need."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from loguru import logger

from settings import localisation

# Tests read what is said, in the processes that they start too; that is translated by the locale.
os.environ["LANGUAGE"] = "en"
# Servers of the tests are at TCP ports that the system chooses, which their settings do not know.
os.environ["REALTIME_WEBRTC__UDP_PORT"] = "0"
# A busy machine is no fault of what is tested.
hypothesis_settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """A test that starts the program's log does not leave it to others, with a closed stream."""
    before = set(logger._core.handlers)  # type: ignore[attr-defined]
    yield
    if set(logger._core.handlers) != before:  # type: ignore[attr-defined]
        logger.remove()
        logger.add(sys.__stderr__ or sys.stderr)


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What is logged from level `info` on, as it comes."""
    found: list[str] = []
    sink = logger.add(lambda message: found.append(message.record["message"]), level="INFO")
    yield found
    logger.remove(sink)


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Text for people is Chinese, as in a process with a Chinese locale."""
    monkeypatch.setenv("LANGUAGE", "zh_CN")
    localisation._catalogue.cache_clear()
    yield
    monkeypatch.undo()
    localisation._catalogue.cache_clear()
