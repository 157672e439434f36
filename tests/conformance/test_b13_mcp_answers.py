"""§B.13: a client asks for the response that follows an MCP call by itself."""

from __future__ import annotations

from session.effects import StopGenerating
from tests.conformance.mcp_events import called
from tests.conformance.sequences import END, response
from tests.support.mcp_driver import URL, McpDriver
from tests.support.session_driver import types


def test_a_client_that_asks_at_once_gets_the_response_that_is_begun() -> None:
    d = called()
    events = d.send("response.create", event_id="mine")
    assert types(events) == ["response.created"]
    assert len(d.requests) == 2
    assert d.running == events[0]["response"]["id"]
    assert "response.created" not in types(d.text("Here."))


def test_a_client_that_asks_while_it_is_told_is_not_told_twice() -> None:
    d = called()
    d.text("Here.")
    assert d.send("response.create") == []
    d.audio(100)
    d.finish()
    assert len(d.requests) == 2
    assert types(d.send("response.create")) == ["response.created"], "now it wants another"


def test_a_client_that_asks_when_all_is_told_gets_a_response_that_says_nothing() -> None:
    d = called()
    d.answer()
    events = d.send("response.create")
    assert types(events) == ["response.created", *END]
    done = events[1]["response"]
    assert done == {
        **response("completed"),
        "id": events[0]["response"]["id"],
        "conversation_id": done["conversation_id"],
        "usage": done["usage"],
    }
    assert done["usage"]["total_tokens"] == 0
    assert len(d.requests) == 2
    d.send("response.create")
    assert len(d.requests) == 3, "it has asked for that one already"


def test_what_was_said_since_is_answered() -> None:
    d = called()
    d.answer()
    d.say("And then?")
    d.send("response.create")
    assert len(d.requests) == 3


def test_a_failed_answer_may_be_asked_for_again() -> None:
    d = called()
    d.finish("content_filter")
    d.send("response.create")
    assert len(d.requests) == 3


def test_a_client_that_asks_for_more_than_the_answer_gets_its_own() -> None:
    d = called()
    begun = d.running
    (created,) = d.respond(instructions="Sing it.", metadata={"mine": "1"})
    assert created["response"]["metadata"] == {"mine": "1"}
    assert StopGenerating(begun) in d.kind(StopGenerating)
    assert d.requests[-1].instructions == "Sing it."
    assert d.text("late", begun) == []
    d.answer()
    assert len(d.requests) == 3, "and is told nothing twice"


def test_once_it_is_told_a_response_with_wishes_is_refused_as_ever() -> None:
    d = called()
    d.text("Here.")
    (error,) = d.respond(instructions="Sing it.")
    assert error["error"]["code"] == "conversation_already_has_active_response"


def test_a_cancel_before_the_first_word_is_a_whole_response() -> None:
    d = called()
    events = d.send("response.cancel")
    assert types(events)[:2] == ["response.created", "response.done"]
    assert events[1]["response"]["status"] == "cancelled"


def test_an_answer_that_fails_is_a_whole_response() -> None:
    d = called()
    events = d.finish()
    assert types(events)[:2] == ["response.created", "response.done"]


def test_a_session_without_servers_sends_nothing_new() -> None:
    d = McpDriver()
    d.say("hi")
    d.respond()
    d.answer()
    assert not [kind for kind in types(d.events) if "mcp" in kind]
    assert URL not in str(d.events)
