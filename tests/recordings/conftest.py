"""The server that recordings are played to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from open_realtime_pytest.process import ServerProcess
from tests.support.recorded_side import VIRTUAL


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    process = ServerProcess(VIRTUAL)
    try:
        yield process
    finally:
        process.close()
