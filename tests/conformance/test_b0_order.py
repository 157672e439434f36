"""§B: the fields of every server event, and the order in which they come."""

from __future__ import annotations

from tests.conformance.sequences import driver, messages
from tests.support.session_driver import types


def test_events_are_processed_in_the_order_of_their_arrival() -> None:
    d = driver()
    d.say("one")
    d.respond()
    d.update(instructions="New.")
    d.say("two")
    assert types(d.events)[1:] == [
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "session.updated",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert messages(d) == [("user", "one")]
