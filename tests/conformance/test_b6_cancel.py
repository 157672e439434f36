"""§B.6: the client cancels a response."""

from __future__ import annotations

import pytest

from session.effects import Generate, StopGenerating
from tests.conformance.sequences import Output, created, done, driver, messages, usage
from tests.support.session_driver import types


@pytest.mark.parametrize("by_id", [True, False])
def test_cancelling_closes_out_where_the_response_stands(by_id: bool) -> None:
    d = driver()
    d.update(output_modalities=["text"])
    events = d.respond()
    running = d.running
    events += d.text("One, two")
    events += d.send("response.cancel", **({"response_id": running} if by_id else {}))
    answer = Output("item_1", None)
    text = {"output_modalities": ["text"]}
    assert d.named(events) == [
        created(**text),
        *answer.writes("One, two"),
        *answer.has_written("One, two", "incomplete"),
        *done(
            "cancelled",
            status_details={"type": "cancelled", "reason": "client_cancelled"},
            output=[answer.written("One, two", "incomplete")],
            usage=usage(2, 2),
            **text,
        ),
    ]
    assert d.kind(StopGenerating) == [StopGenerating(running)]
    (error,) = d.send("response.cancel", response_id=running)
    assert error["error"]["code"] == "response_cancel_not_active"
    # The partial item stays in the conversation.
    d.respond()
    assert messages(d) == [("assistant", "One, two")]


def test_cancelling_while_the_transcript_is_awaited_stops_nothing_that_never_ran() -> None:
    d = driver()
    d.speak()
    assert types(d.send("response.cancel")) == ["response.done"]
    assert d.heard(d.items()[0], "One.") == []
    assert (d.kind(Generate), d.kind(StopGenerating)) == ([], [])
