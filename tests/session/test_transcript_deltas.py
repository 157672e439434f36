"""Interim transcripts become deltas that stay true, as far as two results agree."""

from __future__ import annotations

import pytest

from session.transcript_deltas import TranscriptDeltas


def deltas(*interims: str, final: str) -> list[str]:
    made = TranscriptDeltas()
    sent = []
    for text in interims:
        made.understood("a", text)
        sent.append(made.next_delta("a"))
    made.final("a", final)
    return [*sent, made.next_delta("a")]


def test_what_two_results_agree_on_is_sent_once():
    assert deltas("what is", "what is the", "what is the time", final="what is the time") == [
        "",
        "what is",
        " the",
        " time",
    ]


def test_a_word_that_is_still_growing_waits():
    assert deltas("how much wo", "how much wood", "how much wood is", final="how much wood") == [
        "",
        "how much",
        " wood",
        "",
    ]


def test_scripts_without_spaces_go_by_character():
    assert deltas("今天天", "今天天气怎", "今天天气怎么样", final="今天天气怎么样?") == [
        "",
        "今天天",
        "气怎",
        "么样?",
    ]


def test_what_was_taken_back_is_left_to_the_transcript():
    sent = deltas("recognise speech", "recognise speech", final="wreck a nice beach")
    assert sent == ["", "recognise speech", ""]


@pytest.mark.parametrize("final", ["", "Hello."])
def test_without_interims_the_transcript_is_the_delta(final):
    assert deltas(final=final) == [final]


def test_turns_are_apart_and_can_be_forgotten():
    made = TranscriptDeltas()
    for item in ("a", "b"):
        made.understood(item, f"turn {item}")
        made.understood(item, f"turn {item}")
    assert (made.next_delta("a"), made.next_delta("b")) == ("turn a", "turn b")
    made.forget("a")
    made.final("a", "anew")
    assert made.next_delta("a") == "anew"
