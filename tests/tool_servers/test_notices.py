"""Notices of changed lists are slowed down, by a clock that the test turns."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from session.mcp import McpServer
from tool_servers.notices import INTERVAL_S, MOST, Notices

DOCS, WIKI = McpServer("docs"), McpServer("wiki")


class Clock:
    """A loop's clock and timers."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now_s

    def call_at(self, when_s: float, call: Callable[..., None], *args: Any) -> Any:
        timer = (when_s, lambda: call(*args))
        self.timers.append(timer)

        class Handle:
            def cancel(handle) -> None:
                self.timers.remove(timer)

        return Handle()

    def turn(self, seconds: float) -> None:
        self.now_s += seconds
        for timer in [timer for timer in self.timers if timer[0] <= self.now_s]:
            self.timers.remove(timer)
            timer[1]()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    running = SimpleNamespace(get_running_loop=lambda: made)
    monkeypatch.setattr("tool_servers.notices.asyncio", running)
    return made


def test_the_first_is_passed_on_at_once_and_a_flood_once_more(clock: Clock) -> None:
    told: list[McpServer] = []
    taken = Notices(told.append)
    for _ in range(500):
        taken.take(DOCS)
    taken.take(WIKI)
    assert told == [DOCS, WIKI]
    clock.turn(INTERVAL_S / 2)
    assert told == [DOCS, WIKI]
    clock.turn(INTERVAL_S / 2)
    assert told == [DOCS, WIKI, DOCS]
    clock.turn(INTERVAL_S)
    assert told[3:] == []
    taken.take(DOCS)
    assert told[3:] == [DOCS]


def test_a_session_follows_a_bounded_number(clock: Clock) -> None:
    told: list[McpServer] = []
    taken = Notices(told.append)
    for number in range(2 * MOST):
        taken.take(McpServer(f"server{number % 3}"))
        clock.turn(INTERVAL_S)
    assert len(told) == MOST


def test_a_session_that_is_over_is_told_nothing(clock: Clock) -> None:
    told: list[McpServer] = []
    taken = Notices(told.append)
    taken.take(DOCS)
    taken.take(DOCS)
    taken.close()
    clock.turn(INTERVAL_S)
    taken.take(DOCS)
    assert told == [DOCS]
    assert clock.timers == []
