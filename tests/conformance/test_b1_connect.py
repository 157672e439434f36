"""§B.1: a session begins."""

from __future__ import annotations

from session.effects import SetTurnDetection
from tests.conformance.sequences import driver


def test_connecting_is_greeted_by_the_session_and_nothing_else() -> None:
    d = driver()
    (event,) = d.events
    assert event["type"] == "session.created"
    assert event["session"] == d.inside.config.wire()
    assert d.kind(SetTurnDetection) == [SetTurnDetection(d.inside.config.turn_detection)]
    assert len(d.effects) == 2
