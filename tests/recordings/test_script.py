"""The script that makes a server say again what a recorded one has said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recordings.reading import Recording, Row
from recordings.script import Retold, is_scripted, script
from recordings.timeline import Message, Timeline
from testing.rules import read_script
from tests.recordings.sessions import audio, message


def retold(*messages: Message, rows: list[Row] | None = None, **header: Any) -> Retold:
    recording = Recording(Path("x.jsonl"), header, rows or [], None, None)
    made = script(Timeline(recording, list(messages)))
    # Whatever it is, it is a script.
    read_script(made.rules)
    return made


def heard(item_id: str, transcript: str) -> list[Message]:
    name = "conversation.item.input_audio_transcription.completed"
    committed = message("input_audio_buffer.committed", item_id=item_id)
    return [committed, message(name, item_id=item_id, transcript=transcript)]


def response(
    text: str,
    status: str = "completed",
    details: Any = None,
    items: tuple[Row, ...] = (),
    id_: str = "r",
) -> list[Message]:
    done = {"id": id_, "status": status, "status_details": details}
    kind = "response.output_audio_transcript.delta"
    return [
        message("response.created", response={"id": id_}),
        *(message(kind, response_id=id_, delta=word) for word in text.split("|") if word),
        *(message("response.output_item.done", response_id=id_, item=item) for item in items),
        message("response.done", response=done),
    ]


def test_turns_and_answers_come_in_their_order():
    made = retold(
        *heard("a", "what is the weather"),
        *response("It is| sunny.\n  Two."),
        message("input_audio_buffer.committed", item_id="untold"),
        *heard("b", ""),
        *response("Yes.", id_="q"),
        message("input_audio_buffer.committed", item_id="untold too"),
    )
    assert made.rules == [
        {"hears": "what is the weather"},
        {"hears": "hello there"},
        {"hears": ""},
        {"answers": "It is sunny.\n  Two."},
        {"answers": "Yes."},
    ]
    assert made.warnings == []


@pytest.mark.parametrize(
    ("stop", "rule"),
    [
        ([], {"answers": "Hello you."}),
        ([message("response.cancel", "client")], {"stalls": 2, "answers": "Hello you."}),
    ],
)
def test_an_answer_whose_end_is_cut_off_is_whole_unless_it_was_stopped(
    stop: list[Message], rule: Row
):
    created, *said, _done = response("Hello| you.")
    whole = message("response.output_audio_transcript.done", response_id="r", transcript="x")
    assert retold(created, *said, *stop, whole).rules == [rule]


def test_an_answer_that_broke_off_and_is_cut_off_fails():
    item = {"id": "i", "type": "message", "role": "assistant", "status": "incomplete"}
    created, said, _done = response("Hello")
    added = message("response.output_item.added", response_id="r", item={**item, "status": "x"})
    done = message("conversation.item.done", item=item)
    rules = [{"fails": "server_error", "says": "Hello"}]
    assert retold(created, added, said, done).rules == rules


def test_tools_of_servers_are_called_too():
    call = {"type": "mcp_call", "name": "add", "arguments": '{"a": 1}'}
    made = retold(*response("", items=(call,)))
    assert made.rules == [{"calls": [{"name": "add", "arguments": '{"a": 1}'}]}]


def test_a_call_whose_answer_is_cut_off_behind_it_is_made():
    call = {"type": "function_call", "name": "f", "arguments": "{}"}
    assert retold(*response("", items=(call,))[:-1]).rules == [
        {"calls": [{"name": "f", "arguments": "{}"}]}
    ]


def test_calls_have_their_arguments_as_they_were_written():
    call = {"type": "function_call", "name": "f", "arguments": '{"a":  1'}
    made = retold(*response("Let me| look.", items=(call, {**call, "name": "g"})))
    calls = [{"name": "f", "arguments": '{"a":  1'}, {"name": "g", "arguments": '{"a":  1'}]
    assert made.rules == [{"calls": calls, "says": "Let me look."}]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("One| two| th", {"stalls": 3, "answers": "One two th"}),
        ("", {"stalls": 0}),
    ],
)
def test_an_answer_that_was_stopped_stops_where_it_did(text: str, rule: Row):
    assert retold(*response(text, "cancelled")).rules == [rule]
    # So does one that was to stop when the recording ended.
    assert retold(*response(text)[:-1], message("response.cancel", "client")).rules == [rule]


def test_failures_keep_their_code_and_what_was_said_before():
    error = {"code": "rate_limit_exceeded", "message": "too many"}
    made = retold(*response("I", "failed", {"error": error}))
    assert made.rules == [{"fails": "rate_limit_exceeded", "message": "too many", "says": "I"}]
    # A script takes what is nearly another code for a slip of the pen.
    for code in ("What is this?", "rate_limits_exceeded"):
        odd = retold(*response("", "failed", {"error": {"code": code}}))
        assert odd.rules == [{"fails": "server_error"}]


def test_a_voice_that_failed_fails_again():
    error = {"code": "server_error", "message": "no voice"}
    turn: Row = {"response_id": "r", "item_id": None, "stages": {}, "error_stage": "TTS"}
    rows = [{"t": 1.0, "from": "server-stage", "turn": turn}]
    failed = response("It is| sunny.", "failed", {"error": error})
    made = retold(*failed, rows=rows)
    assert made.rules == [
        {"answers": "It is sunny."},
        {"fails": "server_error", "stage": "tts", "message": "no voice"},
    ]
    assert made.warnings == []
    [warning] = retold(*failed[:-1], audio(100), failed[-1], rows=rows).warnings
    assert "its voice failed in the middle" in warning


def test_a_transcription_that_failed_fails_again():
    failed = message(
        "conversation.item.input_audio_transcription.failed",
        item_id="a",
        error={"code": "audio_unintelligible"},
    )
    assert retold(message("input_audio_buffer.committed", item_id="a"), failed).rules == [
        {"fails": "audio_unintelligible", "stage": "stt"}
    ]


def test_what_takes_its_time_takes_it_again():
    def turn(**stages: float) -> Row:
        return {
            "from": "server-stage",
            "turn": {"item_id": "a", "response_id": "r", "stages": stages},
        }

    slow = retold(
        *heard("a", "hi"), *response("Yes."), rows=[turn(transcript=400.0, first_text=900.4)]
    )
    assert slow.rules == [{"hears": "hi", "delay_ms": 400}, {"answers": "Yes.", "delay_ms": 500}]
    quick = retold(
        *heard("a", "hi"), *response("Yes."), rows=[turn(transcript=4.0, first_text=9.0)]
    )
    assert quick.rules == [{"hears": "hi"}, {"answers": "Yes."}]


def test_a_session_expires_where_it_did():
    made = retold(
        message("session.created"),
        *response("Bye."),
        message("error", error={"code": "session_expired"}),
    )
    assert made.rules == [{"answers": "Bye."}, {"expires": "response.done"}]


def test_a_translation_is_told_clause_by_clause():
    def event(type_: str, delta: str) -> Row:
        return {"from": "server", "event": {"type": f"session.{type_}.delta", "delta": delta}}

    rows = [
        *(event("input_transcript", "hello"), event("output_transcript", "hola")),
        *(event("output_transcript", " amigo"), {"from": "server-stage", "turn": {}}),
        *(event("output_transcript", " ya"), {"from": "server-stage", "turn": {}}),
    ]
    assert retold(rows=rows, dialect="translation").rules == [
        {"hears": "hello"},
        {"answers": "hola amigo"},
        {"answers": "ya"},
    ]


def test_what_no_script_can_do_is_said():
    search = {"type": "file_search_call", "name": "x"}
    made = retold(
        *response("Yes.", items=(search,)),
        *response("", id_="q"),
        *response("No", "incomplete", {"reason": "content_filter"}, id_="p"),
    )
    assert made.rules == [{"answers": "Yes."}, {"answers": "No"}]
    assert [line.partition(":")[2] for line in made.warnings] == [
        " it has an item of type file_search_call",
        " it says nothing",
        " it is incomplete: content_filter",
    ]
    cut = retold(*response("A| b", "incomplete", {"reason": "max_output_tokens"}))
    assert cut.rules == [{"answers": "A b …"}]


@pytest.mark.parametrize(
    ("stages", "scripted"),
    [({"TTS": "script of a test"}, True), ({"TTS": "Piper"}, False), (None, False)],
)
def test_a_recording_of_real_stages_is_known(stages: Any, scripted: bool):
    header = {} if stages is None else {"stages": stages}
    recording = Recording(Path("x.jsonl"), header, [], None, None)
    assert is_scripted(Timeline(recording, [])) is scripted
