"""The fixtures of those who test a Realtime client.

An installed server has them by its entry point, a checkout by `-p open_realtime_pytest.plugin`.

Importing it costs next to nothing: what is needed is imported by the test that wants it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from open_realtime_pytest.double import RealtimeServer
    from open_realtime_pytest.process import ServerProcess

_FIXTURE = "realtime_server"


@pytest.fixture(scope="session")
def realtime_server_settings() -> Mapping[str, object]:
    """Settings of the server, as variables; to have some, define this fixture anew.

    A provider that they name, as `REALTIME_STT__PROVIDER=embedded` does, stands in place of that
    part of the script.
    """
    return {}


@pytest.fixture(scope="session")
def _realtime_process(
    realtime_server_settings: Mapping[str, object],
) -> Generator[ServerProcess, None, None]:
    from open_realtime_pytest.process import ServerNotStarted, ServerProcess

    try:
        process = ServerProcess(realtime_server_settings)
    except ServerNotStarted as error:
        pytest.fail(str(error), pytrace=False)
    yield process
    process.close()


@pytest.fixture
def realtime_server(_realtime_process: ServerProcess) -> Generator[RealtimeServer, None, None]:
    """A Realtime server, with a script of its own for the test.

    The process is started once; with the test, its script ends, what came to it, and the sessions
    that are open still.
    """
    from open_realtime_pytest.double import RealtimeServer

    if not _realtime_process.runs:
        told = f"The Realtime server has ended:\n{_realtime_process.logged()}"
        pytest.fail(told, pytrace=False)
    server = RealtimeServer(_realtime_process.port, _realtime_process.api_key)
    yield server
    if _realtime_process.runs:
        server.reset()


# Not the newer `wrapper=True`: pytest before its version 8 may come with a pluggy without it.
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Show what passed, where a test with the fixture fails."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    funcargs: dict[str, Any] = getattr(item, "funcargs", {})
    if report.when == "call" and report.failed and _FIXTURE in funcargs:
        report.sections.append(("Realtime server", _passed(funcargs[_FIXTURE])))


def _passed(server: RealtimeServer) -> str:
    try:
        return (
            "\n\n".join(
                f"{seen.events.listing()}\n\n{seen.conversation}".rstrip()
                for seen in server.sessions
            )
            or "no session was opened"
        )
    # The server may be what failed.
    except OSError as error:
        return f"it does not answer: {error}"
