"""§B.9: text answered in text."""

from __future__ import annotations

from session.ports import TokenUsage
from tests.conformance.sequences import (
    Output,
    added,
    created,
    done,
    driver,
    usage,
    user_text,
)


def test_a_text_turn_answered_in_text() -> None:
    d = driver()
    d.update(output_modalities=["text"])
    events = d.say("Say exactly: live hello")
    events += d.respond()
    assert d.requests[0].spoken is False
    events += d.text("live ")
    events += d.text("hello")
    events += d.finish(usage=TokenUsage(12, 2))
    answer = Output("item_2", "item_1")
    text = {"output_modalities": ["text"]}
    assert d.named(events) == [
        *added(user_text("item_1", "Say exactly: live hello"), None),
        created(**text),
        *answer.writes("live ", "hello"),
        *answer.has_written("live hello"),
        *done("completed", output=[answer.written("live hello")], usage=usage(12, 2), **text),
    ]
