"""The ordered items, what is cut from them, and how the model reads them (protocol §A.5–A.8, E)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session.content import AssistantAudio, Clause, InputText, OutputText, UserAudio
from session.conversation import Conversation
from session.items import (
    AssistantMessage,
    FunctionCall,
    FunctionCallOutput,
    Item,
    SystemMessage,
    UserMessage,
)
from session.model_messages import render_messages
from session.reading_order import Readable
from tests.support.session_driver import pcm
from wire.errors import ProtocolError


def message(item_id: str, text: str = "hi") -> UserMessage:
    return UserMessage(item_id, [InputText(text)])


def answer(item_id: str, text: str = "hi") -> AssistantMessage:
    return AssistantMessage(item_id, [OutputText(text)])


def speech(text: str, ms: int, clauses: list[Clause] | None = None) -> AssistantAudio:
    audio = AssistantAudio(data=bytearray(pcm(ms)), clauses=clauses or [])
    audio.write(text)
    return audio


def spoken(text: str, ms: int, clauses: list[Clause] | None = None) -> AssistantMessage:
    return AssistantMessage("a", [speech(text, ms, clauses)])


def heard(item_id: str, ms: float, text: str | None = None) -> UserMessage:
    """What the user said, and, unless it is None, what was understood."""
    audio = UserAudio(data=bytearray(pcm(ms)))
    if text is not None:
        audio.understood(text)
    return UserMessage(item_id, [audio])


def conversation(*items: Item) -> Conversation:
    built = Conversation("conv_1")
    for item in items:
        built.insert(item)
    return built


def order(items: Conversation) -> list[str]:
    return [item.id for item in items]


def code(error: pytest.ExceptionInfo[ProtocolError]) -> str | None:
    return error.value.code


@pytest.mark.parametrize("previous", [None, ""])
def test_without_a_predecessor_an_item_is_appended(previous: str | None) -> None:
    items = conversation()
    assert items.insert(message("a"), previous) is None
    assert items.insert(message("b"), previous) == "a"
    assert order(items) == ["a", "b"]


def test_root_is_the_front() -> None:
    items = conversation(message("a"))
    assert items.insert(message("b"), "root") is None
    assert order(items) == ["b", "a"]


def test_an_item_follows_the_one_it_names() -> None:
    items = conversation(message("a"), message("b"))
    assert items.insert(message("c"), "a") == "a"
    assert items.insert(message("d"), "b") == "b"
    assert order(items) == ["a", "c", "b", "d"]


def test_a_duplicate_id_is_refused_wherever_it_should_go() -> None:
    items = conversation(message("a"), message("b"))
    for previous in (None, "root", "a", "nobody"):
        with pytest.raises(ProtocolError) as caught:
            items.insert(message("b"), previous)
        assert code(caught) == "item_create_duplicate_item_id"
    assert order(items) == ["a", "b"]


def test_an_unknown_predecessor_is_refused() -> None:
    items = conversation(message("a"))
    with pytest.raises(ProtocolError) as caught:
        items.insert(message("b"), "nobody")
    assert code(caught) == "item_create_invalid_previous_item_id"
    assert order(items) == ["a"]


def test_deleting_links_the_neighbours() -> None:
    items = conversation(message("a"), message("b"), message("c"))
    items.delete("b")
    assert items.get("b") is None
    assert items.insert(message("d"), "a") == "a"
    assert order(items) == ["a", "d", "c"]
    items.delete("c")
    assert items.insert(message("e")) == "d"
    with pytest.raises(ProtocolError) as caught:
        items.insert(message("f"), "b")
    assert code(caught) == "item_create_invalid_previous_item_id"


def test_a_deleted_id_may_be_used_again() -> None:
    items = conversation(message("a"))
    items.delete("a")
    assert items.insert(message("a")) is None


def test_nobody_waits_for_the_transcript_of_a_deleted_item() -> None:
    item = heard("a", 100)
    assert item.untranscribed is not None
    conversation(item).delete("a")
    assert item.untranscribed is None


def test_what_was_understood_of_an_item_outlives_it() -> None:
    item = heard("a", 100, "Hello.")
    conversation(item).delete("a")
    assert item.audio is not None
    assert (item.audio.state, item.text) == ("done", "Hello.")


@given(data=st.data())
@settings(deadline=None, derandomize=True, max_examples=100)
def test_the_order_is_that_of_a_list(data: Any) -> None:
    """Model: a plain list of ids."""
    items, model = conversation(), list[str]()
    for number in range(data.draw(st.integers(1, 12))):
        if model and data.draw(st.booleans()):
            gone = data.draw(st.sampled_from(model))
            items.delete(gone)
            model.remove(gone)
        else:
            previous = data.draw(st.sampled_from([None, "", "root", *model]))
            at = 0 if previous == "root" else model.index(previous) + 1 if previous else len(model)
            model.insert(at, f"i{number}")
            real = items.insert(message(f"i{number}"), previous)
            assert real == (model[at - 1] if at else None)
        assert order(items) == model


@pytest.mark.parametrize(
    ("item", "wire"),
    [
        (
            message("a"),
            {
                "id": "a",
                "type": "message",
                "status": "completed",
                "role": "user",
                "content": [{"type": "input_text", "text": "hi"}],
            },
        ),
        (
            FunctionCall("a", "c", "f", "{}"),
            {
                "id": "a",
                "type": "function_call",
                "status": "completed",
                "name": "f",
                "call_id": "c",
                "arguments": "{}",
            },
        ),
        (
            FunctionCallOutput("a", "c", "1"),
            {"id": "a", "type": "function_call_output", "call_id": "c", "output": "1"},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_item_shows_exactly_the_keys_of_its_type_in_order(
    item: Item, wire: dict[str, Any]
) -> None:
    assert list(item.wire().items()) == list(wire.items())


def test_audio_is_shown_only_on_request_and_never_changes_the_item() -> None:
    item = spoken("Hello.", 10)
    assert item.wire()["content"] == [{"type": "output_audio", "transcript": "Hello."}]
    (part,) = item.wire(with_audio=True)["content"]
    assert part["audio"] == pcm(10)
    part["transcript"] = "changed"
    assert item.wire()["content"] == [{"type": "output_audio", "transcript": "Hello."}]


def test_user_audio_shows_its_transcript_as_null_until_there_is_one() -> None:
    item = heard("a", 10)
    assert item.wire()["content"] == [{"type": "input_audio", "transcript": None}]
    assert item.text == ""


def test_assistant_audio_settles_the_voice_and_nothing_else_does() -> None:
    items = conversation(heard("u", 10), answer("t"))
    assert not items.has_assistant_audio
    items.insert(spoken("Hello.", 10))
    assert items.has_assistant_audio


@pytest.mark.parametrize("truncated", [True, False])
@pytest.mark.parametrize("deleted", [True, False])
def test_the_voice_stays_settled_when_the_audio_is_gone(truncated: bool, deleted: bool) -> None:
    item = spoken("Hello.", 10)
    items = conversation(item)
    if truncated:
        items.truncate(item.id, 0, 0)
    if deleted:
        items.delete(item.id)
    assert items.has_assistant_audio


# --- truncation ---


def test_truncating_cuts_the_audio_and_removes_the_transcript() -> None:
    item = spoken("One two three four.", 1000)
    conversation(item).truncate("a", 0, 500)
    assert item.audio_ms == 500
    assert item.wire()["content"] == [{"type": "output_audio", "transcript": None}]


def test_truncating_at_the_full_length_keeps_all_words_for_the_model() -> None:
    item = spoken("One two three four.", 1000)
    conversation(item).truncate("a", 0, 1000)
    assert (item.audio_ms, item.text) == (1000, "One two three four.")


def test_truncating_at_0_leaves_nothing_heard() -> None:
    item = spoken("One two three four.", 1000)
    conversation(item).truncate("a", 0, 0)
    assert (item.audio_ms, item.text) == (0, "")


def test_the_model_keeps_the_words_that_were_heard() -> None:
    item = spoken("One two three four.", 1000)
    conversation(item).truncate("a", 0, 500)
    assert item.text == "One two"


def test_heard_words_are_found_by_clause() -> None:
    clauses = [Clause("Hello there, ", 0), Clause("how are you?", 1000)]
    item = spoken("Hello there, how are you?", 2000, clauses)
    conversation(item).truncate("a", 0, 1000)
    assert item.text == "Hello there,"
    item = spoken("Hello there, how are you?", 2000, clauses)
    conversation(item).truncate("a", 0, 1700)
    assert item.text == "Hello there, how are"


def test_words_are_heard_by_their_times_where_the_voice_tells_them() -> None:
    audio = speech("", 0)
    audio.speak("Well, a few.")
    # The second word begins with the next piece of audio.
    audio.timing([(0, 0), (5, 600)])
    audio.append(pcm(500))
    audio.timing([(6, 250)])
    audio.append(pcm(500))
    item = AssistantMessage("a", [audio])
    items = conversation(item)
    for ms, left in ((1000, "Well, a few."), (760, "Well, a"), (610, "Well,"), (590, "")):
        items.truncate("a", 0, ms)
        assert item.text == left


def test_what_was_played_is_not_cut_twice() -> None:
    item = spoken("One two three four.", 1000)
    items = conversation(item)
    items.played("a", 500)
    assert item.audio is not None
    item.audio.forget_unplayed()
    items.truncate("a", 0, 500)
    assert item.text == "One two"


def test_truncating_twice_at_the_same_point_changes_nothing() -> None:
    clauses = [Clause("Hello there,", 0), Clause("how are you?", 1000)]
    item = spoken("Hello there, how are you?", 2000, clauses)
    items = conversation(item)
    items.truncate("a", 0, 500)
    assert item.text == "Hello"
    items.truncate("a", 0, 500)
    assert (item.text, item.audio_ms) == ("Hello", 500)
    items.truncate("a", 0, 0)
    items.truncate("a", 0, 0)
    assert (item.text, item.audio_ms) == ("", 0)


def test_a_second_truncation_can_only_shorten() -> None:
    item = spoken("One two three four.", 1000)
    items = conversation(item)
    items.truncate("a", 0, 600)
    with pytest.raises(ProtocolError) as caught:
        items.truncate("a", 0, 601)
    assert caught.value.message == "Audio content of 600ms is already shorter than 601ms"
    items.truncate("a", 0, 300)
    assert item.text == "One"


# --- what the client has played ---


def test_what_is_played_is_noted_with_the_answer() -> None:
    item = spoken("One two three four.", 1000)
    items = conversation(item)
    assert item.audio is not None
    assert item.audio.played_ms is None
    items.played("a", 250.5)
    items.played("a", 500)
    assert item.audio.played_ms == 500
    # Nothing is lost by that alone: the rest may still be played.
    assert (item.audio_ms, item.text) == (1000, "One two three four.")


@pytest.mark.parametrize(
    "item", [heard("a", 1000, "Hi."), answer("a"), FunctionCall("a", "c", "f")]
)
def test_only_answers_that_are_spoken_can_be_played(item: Item) -> None:
    items = conversation(item)
    before = item.wire(with_audio=True)
    items.played("a", 10)
    items.played("nobody", 10)
    assert item.wire(with_audio=True) == before


@given(
    lengths=st.lists(st.integers(1, 400), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 1600), min_size=1, max_size=4),
)
@settings(deadline=None, derandomize=True, max_examples=150)
def test_the_heard_words_are_a_beginning_and_get_fewer_with_every_cut(
    lengths: list[int], cuts: list[int]
) -> None:
    clauses, start, words = [], 0, []
    for number, length in enumerate(lengths):
        words += [f"word{number}", f"and{number}"]
        clauses.append(Clause(f"word{number} and{number}", start))
        start += length
    item = spoken(" ".join(words), start, clauses)
    items, before = conversation(item), len(words)
    for cut in sorted({min(cut, start) for cut in cuts}, reverse=True):
        items.truncate("a", 0, cut)
        heard = item.text.split()
        assert heard == words[: len(heard)]
        assert len(heard) <= before
        begun = [clause for clause in clauses if clause.start_ms < cut]
        assert len(heard) <= 2 * len(begun)
        ended = [s for s in (*[c.start_ms for c in clauses[1:]], start) if s <= cut]
        if cut == max(min(cut, start) for cut in cuts):
            assert len(heard) >= 2 * len(ended)
        before = len(heard)


@pytest.mark.parametrize(
    ("item", "ms", "index", "expected", "message_"),
    [
        (message("a"), 0, 0, None, "Only model output audio messages can be truncated"),
        (
            answer("a"),
            0,
            0,
            None,
            "Only model output audio messages can be truncated",
        ),
        (
            heard("a", 100),
            50,
            0,
            None,
            "Only model output audio messages can be truncated",
        ),
        (
            FunctionCall("a", "c", "f"),
            0,
            0,
            None,
            "Only model output audio messages can be truncated",
        ),
        (spoken("", 0), 0, 0, None, "Only model output audio messages can be truncated"),
        (
            spoken("x", 4450),
            23868,
            0,
            "invalid_value",
            "Audio content of 4450ms is already shorter than 23868ms",
        ),
    ],
)
def test_what_cannot_be_truncated_is_refused_in_the_service_s_words(
    item: Item, ms: int, index: int, expected: str | None, message_: str
) -> None:
    before = item.wire(with_audio=True)
    with pytest.raises(ProtocolError) as caught:
        conversation(item).truncate("a", index, ms)
    assert (code(caught), caught.value.message) == (expected, message_)
    assert item.wire(with_audio=True) == before


@pytest.mark.parametrize("index", [1, -1])
def test_there_is_no_other_part_to_truncate(index: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        conversation(spoken("x", 100)).truncate("a", index, 0)
    assert (code(caught), caught.value.param) == ("invalid_value", "content_index")


# --- calls and what the model reads ---


def test_a_result_needs_a_call_of_its_id() -> None:
    call = FunctionCall("a", "call_1", "f")
    items = conversation(call)
    assert items.call("call_1") is call
    with pytest.raises(ProtocolError) as caught:
        items.call("call_2")
    assert code(caught) == "invalid_tool_call_id"
    assert caught.value.message == "Tool call ID 'call_2' not found in conversation."


def test_messages_go_to_the_model_in_order_with_their_roles() -> None:
    items: list[Readable] = [
        SystemMessage("a", [InputText("Be brief.")]),
        message("b", "Hi."),
        answer("c", "Yo"),
    ]
    assert render_messages(items) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi."},
        {"role": "assistant", "content": "Yo"},
    ]


def test_speech_is_read_by_its_transcript_and_silence_not_at_all() -> None:
    assert render_messages([heard("a", 10, "Hi"), heard("b", 10)]) == [
        {"role": "user", "content": "Hi"}
    ]


def test_truncated_speech_is_read_as_far_as_it_was_heard() -> None:
    item = spoken("One two three four.", 1000)
    conversation(item).truncate("a", 0, 500)
    assert render_messages([item]) == [{"role": "assistant", "content": "One two"}]
