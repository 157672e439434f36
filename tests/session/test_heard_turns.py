"""Which turns a model that hears is given as audio."""

from __future__ import annotations

from audio.formats import AudioFormat
from session.content import InputText, OutputText, UserAudio
from session.heard_turns import HeardMessage, with_audio
from session.items import AssistantMessage, UserMessage
from session.ports import FailureReason
from session.reading_order import Readable, ToolExchange

CALL = ToolExchange("call_1", "f", "{}", "done")


def spoken(name: str, transcript: str | None = None, *, failed: bool = False) -> UserMessage:
    """A turn; None: it has no transcript yet."""
    audio = UserAudio(AudioFormat(), bytearray(480))
    if transcript is not None:
        audio.understood(transcript)
    if failed:
        audio.failed(FailureReason("gone"))
    return UserMessage(name, [audio])


def typed(name: str) -> UserMessage:
    return UserMessage(name, [InputText("Hi.")])


def said(text: str = "Hello.") -> AssistantMessage:
    return AssistantMessage("answer", [OutputText(text)])


def heard(*read: Readable, detected: bool = True) -> str:
    """The names of the turns that are heard."""
    given = with_audio(read, None, detected=detected)
    return " ".join(one.message.id for one in given if isinstance(one, HeardMessage))


def test_what_stands_behind_the_last_answer_is_heard() -> None:
    assert heard(spoken("a", "A."), said(), spoken("b", "B."), typed("c"), spoken("d")) == "b d"


def test_what_was_answered_is_heard_only_without_a_transcript() -> None:
    assert heard(spoken("a"), said(), spoken("b", failed=True), said(), spoken("c", "C.")) == (
        "a b c"
    )


def test_an_answer_of_which_nothing_was_heard_is_none() -> None:
    assert heard(spoken("a", "A."), said(" "), spoken("b", "B.")) == "a b"


def test_what_is_said_before_a_call_is_no_answer_and_what_is_said_behind_it_is() -> None:
    assert heard(spoken("a", "A."), said(), CALL) == "a"
    assert heard(spoken("a", "A."), said(), CALL, said(), spoken("b", "B.")) == "b"


def test_turns_without_words_are_heard_only_where_a_client_asks() -> None:
    turns = (spoken("a", ""), spoken("b", "B."))
    assert heard(*turns) == "b"
    assert heard(*turns, detected=False) == "a b"
    assert heard(spoken("a", ""), said(), spoken("b", "B."), detected=False) == "b"


def test_dropped_audio_is_never_heard() -> None:
    turn = spoken("a")
    assert turn.audio is not None
    turn.audio.forget()
    assert heard(turn) == ""
