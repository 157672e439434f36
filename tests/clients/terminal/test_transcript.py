"""What was said, and what is left of it when the screen is gone."""

from __future__ import annotations

from datetime import UTC, datetime

from clients.terminal.transcript import Transcript
from clients.terminal.written import markdown, plain

NOON = datetime(2026, 1, 2, 12, 0, 5, tzinfo=UTC)


def conversation() -> Transcript:
    said = Transcript(lambda: NOON)
    said.write("n", "note", "No loudspeaker.", append=False)
    said.write("1", "you", "…", append=False)
    said.write("2", "assistant", "Once upon", append=True)
    said.write("1", "you", "a story, 请", append=False)
    said.write("2", "assistant", " a time", append=True)
    said.interrupt("2", 1234, len("Once upon "))
    said.write("3", "problem", "The server\nis gone.", append=False)
    return said


def test_it_is_kept_in_order_with_what_became_of_it() -> None:
    assert [(entry.who, str(entry)) for entry in conversation()] == [
        ("note", "No loudspeaker."),
        ("you", "a story, 请"),
        ("assistant", "Once upon [interrupted after 1.2 s, not heard: a time]"),
        ("problem", "The server\nis gone."),
    ]


def test_text_without_sound_is_interrupted_at_no_time() -> None:
    said = conversation()
    assert said.interrupt("2", None, 16) is not None
    assert str(list(said)[2]) == "Once upon a time [interrupted]"
    assert said.interrupt("2", None, 4) is not None
    assert str(list(said)[2]) == "Once [interrupted, not heard: upon a time]"
    assert said.interrupt("never begun", 5, 0) is None


def test_what_was_not_heard_is_struck_through_a_line_at_a_time() -> None:
    said = Transcript(lambda: NOON)
    said.write("1", "assistant", "One.\nTwo. \n\nThree.", append=False)
    said.interrupt("1", 900, 5)
    assert markdown(said, []).endswith(
        "\n\nOne. [interrupted after 0.9 s] ~~Two.~~\n\n~~Three.~~\n"
    )
    said.interrupt("1", 0, 0)
    assert "\n\n[interrupted after 0.0 s] ~~One.~~\n~~Two.~~" in markdown(said, [])
    said.interrupt("1", 2000, 18)
    assert markdown(said, []).endswith("\n\nThree. [interrupted after 2.0 s]\n")


def test_a_note_is_no_conversation() -> None:
    said = Transcript()
    said.write("n", "note", "Hello.", append=False)
    said.write("p", "problem", "No server.", append=False)
    assert not said.begun
    assert plain(said, 80) == ""
    said.write("1", "tool", "f()", append=False)
    assert said.begun


def test_plain_text_is_a_line_an_entry_from_the_first_turn_on() -> None:
    assert plain(conversation(), 80).splitlines() == [
        "12:00:05  You        a story, 请",
        "12:00:05  Assistant  Once upon [interrupted after 1.2 s, not heard: a time]",
        "12:00:05  Error      The server",
        "                     is gone.",
    ]


def test_plain_text_is_broken_between_words_at_the_width_of_the_terminal() -> None:
    said = Transcript(lambda: NOON)
    said.write("1", "assistant", "Once upon a time, there was a girl.\n\nShe", append=False)
    said.write("2", "you", "请讲一个故事，关于一个女孩。", append=False)
    assert plain(said, 45).splitlines() == [
        "12:00:05  Assistant  Once upon a time, there",
        "                     was a girl.",
        "",
        "                     She",
        "12:00:05  You        请讲一个故事，关于一个女",
        "                     孩。",
    ]
    assert plain(said, 1) == plain(said, 45)


def test_what_would_command_the_terminal_is_left_out() -> None:
    said = Transcript(lambda: NOON)
    said.write("1", "assistant", "red \x1b[31m, half \ud83d, bell \a", append=False)
    assert plain(said, 80) == "12:00:05  Assistant  red [31m, half , bell"
    assert "red [31m, half , bell" in markdown(said, ["\x1b[0m"])


def test_markdown_says_who_when_and_of_what() -> None:
    assert markdown(conversation(), ["ws://x", "sess_1"]).split("\n\n") == [
        "# Conversation",
        "ws://x · sess_1",
        "**You** (2026-01-02 12:00:05)",
        "a story, 请",
        "**Assistant** (2026-01-02 12:00:05)",
        "Once upon [interrupted after 1.2 s] ~~a time~~",
        "**Error** (2026-01-02 12:00:05)",
        "The server\nis gone.\n",
    ]


def test_changes_are_told() -> None:
    said, changes = conversation(), list[int]()
    said.on_change = lambda: changes.append(1)
    said.write("4", "you", "and", append=False)
    said.interrupt("2", 7, 0)
    assert len(changes) == 2
