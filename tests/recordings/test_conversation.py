"""Rows of a recording become a conversation, in either dialect."""

from __future__ import annotations

from typing import Any

from recordings.conversation import Bar, conversation


def sent(ms: float, type_: str, **fields: Any) -> dict[str, Any]:
    return {"t": ms, "from": "server", "event": {"type": type_, **fields}}


def test_an_interrupted_answer_says_how_much_of_it_was_heard() -> None:
    response = {
        "id": "resp_1",
        "status": "cancelled",
        "status_details": {"reason": "turn_detected"},
    }
    (said,) = conversation(
        [
            sent(5, "response.created", response={"id": "resp_1"}),
            sent(6, "response.output_audio_transcript.delta", response_id="resp_1", item_id="i",
                 delta="Once upon"),
            sent(7, "response.output_audio_transcript.delta", response_id="resp_1", item_id="i",
                 delta=" a time"),
            sent(8, "conversation.item.truncated", item_id="i", audio_end_ms=1500),
            sent(9, "response.done", response=response),
        ]
    )  # fmt: skip
    assert (said.ms, said.who, said.text) == (5, "assistant", "Once upon a time")
    assert said.notes == ["heard for 1.5 s", "cancelled: turn_detected"]
    assert said.heard_ms == 1500


def test_beta_events_are_read_as_well() -> None:
    item = {"id": "i", "type": "message", "role": "user",
            "content": [{"type": "input_text", "text": "hello"}]}  # fmt: skip
    said = conversation(
        [
            sent(1, "conversation.item.created", item=item),
            sent(2, "response.created", response={"id": "resp_1"}),
            sent(3, "response.audio_transcript.delta", response_id="resp_1", delta="hi"),
        ]
    )
    assert [(one.who, one.text) for one in said] == [("user", "hello"), ("assistant", "hi")]


def test_a_call_and_its_result_are_shown() -> None:
    call = {"type": "function_call", "name": "weather", "arguments": '{"city":"Oslo"}'}
    output = {"id": "o", "type": "function_call_output", "output": "sunny"}
    said = conversation(
        [
            sent(1, "response.output_item.done", item=call),
            sent(2, "conversation.item.added", item=output),
        ]
    )
    assert [(one.who, one.text) for one in said] == [
        ("assistant", 'weather({"city":"Oslo"})'),
        ("tool", "sunny"),
    ]


def test_a_model_that_hears_may_answer_before_the_transcript() -> None:
    stages = {"transcript": 30.0, "first_text": 10.0, "done": 40.0}
    turn = {"response_id": "resp_1", "item_id": None, "began": 1.0, "stages": stages}
    (said,) = conversation(
        [
            sent(5, "response.created", response={"id": "resp_1"}),
            {"t": 50, "from": "server-stage", "turn": turn},
        ]
    )
    assert said.began_ms == 1.0
    assert said.bars == [
        Bar("first_text", 0, 10),
        Bar("transcript", 10, 30),
        Bar("done", 30, 40),
    ]


def test_a_translation_is_two_running_texts() -> None:
    said = conversation(
        [
            sent(1, "session.input_transcript.delta", delta="Guten "),
            sent(2, "session.input_transcript.delta", delta="Tag"),
            sent(3, "session.output_transcript.delta", delta="Good day"),
        ]
    )
    assert [(one.who, one.text) for one in said] == [
        ("user", "Guten Tag"),
        ("assistant", "Good day"),
    ]
