"""What differs is found, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from recordings.differences import Difference, differences
from recordings.telling import told
from recordings.timeline import Message
from tests.recordings.sessions import answer, audio, message


def short(found: list[Difference]) -> list[tuple[Any, ...]]:
    return [(one.kind, one.type, one.field, one.was, one.now) for one in found]


def test_ids_dates_and_pieces_do_not_count():
    was = [
        message("session.created", event_id="e1", session={"id": "s", "expires_at": 5}),
        *answer("r", "i", "It is sunny."),
        audio(300),
    ]
    now = [
        message("session.created", event_id="e2", session={"id": "t", "expires_at": 6}),
        *answer("q", "j", "It i s sunny."),
        audio(100, "q"),
        audio(200, "q"),
    ]
    assert differences(was, now) == []


def test_other_words_are_told_once_or_not_at_all():
    was, now = answer("r", "i", "Yes."), answer("q", "j", "No.")
    [text] = differences(was, now, ignore=["order"])[:1]
    assert short([text]) == [("other", "response.output_text.done", "text", "Yes.", "No.")]
    assert differences(was, now, ignore=["words"]) == []


def test_missing_and_further_events_are_told():
    was, now = answer("r", "i", "Yes."), answer("q", "j", "Yes.")
    error = message("error", error={"code": "server_error", "message": "no"})
    assert short(differences(was, [*now[:-1], error])) == [
        ("missing", "response.done", "", None, None),
        ("further", "error", "", None, None),
    ]


def test_how_much_was_said_counts_but_not_of_what_was_interrupted():
    was, now = [audio(300)], [audio(200)]
    assert short(differences(was, now)) == [
        ("other", "response.output_audio.delta", "audio", "300 ms", "200 ms")
    ]
    assert differences(was, now, ignore=["audio"]) == []
    cancelled = message("response.done", response={"id": "r", "status": "cancelled"})
    assert differences([*was, cancelled], [*now, cancelled]) == []


def test_tokens_behind_an_interruption_are_a_matter_of_when_it_was():
    def done(tokens: int, line: int) -> Message:
        response = {"id": f"r{line}", "usage": {"total_tokens": tokens}}
        return replace(message("response.done", response=response), line=line)

    cut = replace(message("conversation.item.truncated", item_id="i"), line=3)
    assert differences([done(1, 2), cut, done(5, 4)], [done(1, 2), cut, done(6, 4)]) == []
    assert differences([done(1, 2), cut, done(5, 4)], [done(2, 2), cut, done(5, 4)])


def test_fields_that_come_or_go_are_told_with_their_path():
    was = [message("session.created", session={"audio": {"input": {"a": 1, "b": [1, 2]}}})]
    now = [message("session.created", session={"audio": {"input": {"b": [1, 3]}}, "new": None})]
    lines = list(told(differences(was, now)))
    assert lines == [
        "other    session.created (line 2) session.audio.input.a",
        "         - 1",
        "         + (absent)",
        "other    session.created (line 2) session.audio.input.b[1]",
        "         - 2",
        "         + 3",
        "other    session.created (line 2) session.new",
        "         - (absent)",
        "         + null",
    ]
    assert differences(was, now, ignore=["settings"]) == []
    assert differences(was, now, ignore=["session.created"]) == []


def test_what_has_moved_is_told():
    one, other = message("input_audio_buffer.speech_started"), message("response.done")
    found = differences([one, other], [other, one])
    assert len(found) == 1
    assert found[0].kind == "order"
    assert "before" in next(told(found))
    assert differences([one, other], [other, one], ignore=["order"]) == []


@pytest.mark.parametrize("free", ["rate_limits.updated", "session.updated"])
def test_what_comes_whenever_the_client_or_the_server_likes_has_no_order(free: str):
    one, other = message(free), message("response.done")
    assert differences([one, other], [other, one]) == []


def committed_and_answered() -> dict[str, Message]:
    transcribed = "conversation.item.input_audio_transcription"
    part = {"type": "input_audio"}
    return {
        "committed": message("input_audio_buffer.committed", item_id="u"),
        "added": message(
            "conversation.item.added", item={"id": "u", "role": "user", "content": [part]}
        ),
        "heard": message(f"{transcribed}.completed", item_id="u", transcript="hello"),
        "created": message("response.created", response={"id": "r"}),
        "done": message("response.done", response={"id": "r"}),
    }


def test_a_transcript_and_its_answer_come_in_any_order():
    one = committed_and_answered()
    was = list(one.values())
    now = [one[name] for name in ("committed", "added", "created", "done", "heard")]
    assert differences(was, now) == []
    assert differences(now, was) == []


def test_two_answers_at_once_are_made_each_in_its_own_time():
    one, other = answer("a", "ai", "One."), answer("b", "bi", "Two.")
    was = [one[0], other[0], *one[1:], *other[1:]]
    assert differences(was, [one[0], other[0], *other[1:], *one[1:]]) == []
    # One after the other they have an order.
    assert differences([*one, *other], [*other, *one])
    # And each has one of its own.
    assert differences(was, [one[1], one[0], other[0], *one[2:], *other[1:]])


def test_a_transcript_comes_behind_the_turn_that_it_is_of():
    one = committed_and_answered()
    now = [one[name] for name in ("heard", "committed", "added", "created", "done")]
    [found] = differences(list(one.values()), now)
    assert found.kind == "order"
    assert "transcription.completed" in f"{found.type} {found.was} {found.now}"


def test_a_thing_of_another_kind_is_told_in_one_line():
    def item(**fields: Any) -> list[Message]:
        return [message("response.output_item.done", item={"id": "i", **fields})]

    call = item(type="function_call", name="f", arguments="{}", call_id="c")
    said = item(type="message", role="assistant", content=[])
    assert short(differences(call, said)) == [
        ("other", "response.output_item.done", "item.type", "function_call", "message")
    ]


def test_of_another_error_its_code_is_told_too():
    def failed(kind: str, code: str) -> list[Message]:
        return [message("error", error={"type": kind, "code": code, "message": "no"})]

    found = differences(failed("server_error", "a"), failed("invalid_request_error", "b"))
    assert {one.field for one in found} == {"error.type", "error.code"}


def test_two_answers_at_once_are_told_apart_by_their_ids():
    def both(first: str, second: str) -> list[Message]:
        one, other = answer(first, first + "i", "One."), answer(second, second + "i", "Two.")
        return [one[0], other[0], *other[1:], *one[1:]]

    assert differences(both("a", "b"), both("x", "y")) == []


def test_what_a_recording_leaves_out_is_not_compared():
    def item(audio: Any) -> list[Message]:
        part = {"type": "input_audio", "audio": audio}
        return [message("conversation.item.added", item={"id": "i", "content": [part]})]

    assert differences(item({"left_out": 5}), item("AAAA")) == []


def test_what_a_recording_hides_is_not_compared():
    def update(key: str | None, **more: Any) -> Message:
        tool = {"type": "mcp", **({} if key is None else {"authorization": key})}
        return message("session.update", "client", session={"tools": [tool]}, **more)

    was = replace(update(None), hidden=frozenset({"session.tools[0].authorization"}))
    assert differences([was], [update("a key")]) == []
    assert len(differences([update(None)], [update("a key")])) == 1


def test_errors_name_ids_of_their_own_session():
    def seen(item_id: str) -> list[Message]:
        told = f"the item '{item_id}' does not exist"
        return [
            message("conversation.item.deleted", item_id=item_id),
            message("error", error={"message": told}),
        ]

    assert differences(seen("item_a"), seen("item_b")) == []


def test_raw_messages_are_compared_as_they_are():
    def raw(text: str) -> list[Message]:
        return [Message("client", 0, None, raw=text)]

    assert differences(raw("{"), raw("{")) == []
    assert short(differences(raw("{"), raw("["))) == [("other", "", "", "{", "[")]
