"""§B.8: responses beside the conversation."""

from __future__ import annotations

from session.ports import TokenUsage
from tests.conformance.sequences import END, Output, created, done, driver, messages, usage
from tests.support.session_driver import of, types


def test_an_out_of_band_response_runs_beside_the_conversation() -> None:
    d = driver()
    d.say("Hi.", id="hi")
    d.respond()
    spoken = d.running
    d.text("Hello")
    d.named(d.events)
    before = d.items()
    classify = {"type": "input_text", "text": "Classify."}
    events = d.respond(
        conversation="none",
        metadata={"topic": "x"},
        output_modalities=["text"],
        input=[
            {"type": "item_reference", "id": "hi"},
            {"type": "message", "role": "system", "content": [classify]},
        ],
    )
    assert messages(d) == [("user", "Hi."), ("system", "Classify.")]
    events += d.text("greeting") + d.finish(usage=TokenUsage(9, 1))
    answer = Output("item_2", None, response_id="resp_2", in_conversation=False)
    changed = {
        "id": "resp_2",
        "conversation_id": None,
        "metadata": {"topic": "x"},
        "output_modalities": ["text"],
    }
    assert d.named(events) == [
        created(**changed),
        *answer.writes("greeting"),
        *answer.has_written("greeting"),
        *done("completed", output=[answer.written("greeting")], usage=usage(9, 1), **changed),
    ]
    assert d.items() == before
    item_id = of(events, "response.output_item.done")[0]["item"]["id"]
    (error,) = d.send("conversation.item.retrieve", item_id=item_id)
    assert error["error"]["code"] == "item_retrieve_invalid_item_id"
    assert types(d.text(" there.", spoken)) == ["response.output_audio_transcript.delta"]


def test_any_number_of_out_of_band_responses_may_run() -> None:
    d = driver()
    for _ in range(3):
        assert types(d.respond(conversation="none")) == ["response.created"]
    assert types(d.respond()) == ["response.created"]
    assert len(d.requests) == 4


def test_out_of_band_speech_does_not_settle_the_voice() -> None:
    d = driver()
    d.respond(conversation="none")
    d.answer()
    assert types(d.update(audio={"output": {"voice": "cedar"}})) == ["session.updated"]


def test_a_waiting_answer_and_a_waiting_aside_start_together() -> None:
    d = driver(interrupt_response=False)
    d.speak(0, 960)
    first = d.items()[0]
    d.respond(conversation="none", input=[{"type": "item_reference", "id": first}])
    d.speak(2048, 3008)
    second = d.items()[1]
    # A noise: its response ends at once, the answer to the second turn follows.
    events = d.heard(first, "")
    assert types(events) == [*END, "response.created"]
    assert len(d.requests) == 1
    d.heard(second, "Two.")
    assert len(d.requests) == 2
