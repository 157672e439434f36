"""§B.13: the user speaks, or cancels, while an MCP tool is called."""

from __future__ import annotations

import pytest

from session.effects import StopMcpCalls
from session.ports import PENDING, SILENCE
from tests.conformance.mcp_events import DONE
from tests.conformance.sequences import END
from tests.support.mcp_driver import McpDriver
from tests.support.session_driver import of, types


def test_a_cancel_stops_the_call() -> None:
    d = McpDriver()
    d.connect()
    d.respond()
    d.asks()
    events = d.send("response.cancel")
    assert types(events) == [
        "response.mcp_call.failed",
        DONE,
        "response.output_item.done",
        *END,
    ]
    assert "may have taken effect" in events[1]["item"]["error"]["message"]
    assert d.kind(StopMcpCalls) == [StopMcpCalls((d.calls[0].item_id,))]
    assert d.found() == []
    assert len(d.requests) == 1


def test_speech_ends_the_response_and_not_the_call_and_its_answer_knows_of_it() -> None:
    d = McpDriver()
    d.connect()
    d.respond()
    d.asks()
    done = of(d.interrupts_and_speaks(), "response.done")
    assert done[0]["response"]["status"] == "cancelled"
    assert d.kind(StopMcpCalls) == []
    d.heard(d.turn, "And hurry.")
    assert PENDING in [message["content"] for message in d.requests[-1].messages]
    events = d.found()
    assert types(events) == ["response.mcp_call.completed", DONE]
    assert len(d.requests) == 2
    d.answer("I do.")
    assert len(d.requests) == 3, "then it tells of the result"
    assert "42" in [message["content"] for message in d.requests[-1].messages]


def test_nothing_is_said_while_the_user_speaks_and_the_answer_tells_of_all() -> None:
    d = McpDriver()
    d.connect()
    d.respond()
    d.asks()
    d.interrupts_and_speaks(stops=False)
    d.found()
    assert len(d.requests) == 1
    d.stops()
    d.heard(d.turn, "And hurry.")
    assert "42" in [message["content"] for message in d.requests[-1].messages]
    d.answer()
    assert len(d.requests) == 2, "it has been told"


@pytest.mark.parametrize("when", ["before its first word", "while it speaks", "behind it"])
def test_a_result_that_comes_after_the_next_turn_is_what_the_answer_is_about(when: str) -> None:
    d = McpDriver()
    d.connect()
    d.say("Where is it?")
    d.respond()
    d.asks()
    d.interrupts_and_speaks()
    d.heard(d.turn, "And hurry.")
    if when == "before its first word":
        d.found()
    elif when == "while it speaks":
        d.text("I do.")
        d.audio(100)
        d.found()
    d.answer("I do.")
    if when == "behind it":
        d.found()
    read = d.requests[-1].messages
    assert [message["role"] for message in read[-4:]] == ["user", "assistant", "assistant", "tool"]
    assert read[-1]["content"] == "42"
    assert SILENCE not in str(read)
    assert PENDING not in str(read)
    d.answer("It is 42.")
    d.say("Thanks.")
    d.respond()
    read = d.requests[-1].messages
    assert [message["role"] for message in read[-3:]] == ["tool", "assistant", "user"]
    assert [read[-3]["content"], read[-1]["content"]] == ["42", "Thanks."]


def test_a_result_that_comes_while_the_user_speaks_again_stands_before_that_turn() -> None:
    d = McpDriver()
    d.connect()
    d.respond()
    d.asks()
    d.interrupts_and_speaks()
    d.heard(d.turn, "And hurry.")
    d.answer("I do.")
    d.interrupts_and_speaks(stops=False)
    d.found()
    d.stops()
    d.heard(d.turn, "Well?")
    read = [message["content"] for message in d.requests[-1].messages]
    assert read[-2:] == ["42", "Well?"]
    assert read.index("And hurry.") < read.index("42")


def test_where_a_late_result_stands_is_known_when_the_item_before_it_is_deleted() -> None:
    d = McpDriver()
    d.connect()
    d.respond()
    d.asks()
    d.interrupts_and_speaks()
    d.heard(d.turn, "And hurry.")
    d.answer("I do.")
    d.found()
    (*_, said) = d.inside.conversation
    d.answer("It is 42.")
    d.send("conversation.item.delete", item_id=said.id)
    d.respond()
    contents = [message["content"] for message in d.requests[-1].messages]
    assert contents.index("And hurry.") < contents.index("42")
