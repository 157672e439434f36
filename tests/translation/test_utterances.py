"""From transcripts to clauses and captions, in the order of speech."""

from __future__ import annotations

from itertools import count

from translation.utterances import Caption, Clause, Heard, Utterances


def utterances() -> Utterances:
    return Utterances(f"clause_{number}" for number in count(1))


def clauses(heard: list[Heard]) -> list[str]:
    return [one.text for one in heard if isinstance(one, Clause)]


def captions(heard: list[Heard]) -> str:
    return "".join(one.delta for one in heard if isinstance(one, Caption))


def test_clauses_come_while_the_utterance_goes_on() -> None:
    known = utterances()
    known.begin("one")
    told = []
    for now, text in enumerate(
        ["Good", "Good morning.", "Good morning. How", "Good morning. How are"]
    ):
        told.append(known.so_far("one", text, now * 100.0))
    assert [clauses(one) for one in told] == [[], [], ["Good morning."], []]
    known.ended("one", 900.0)
    final = known.understood("one", "Good morning. How are you?")
    assert clauses(final) == ["How are you?"]
    assert captions([heard for one in [*told, final] for heard in one]) == (
        "Good morning. How are you?"
    )
    assert [one.end_ms for one in final] == [900.0, 900.0]
    assert not known.pending


def test_what_was_said_later_waits_for_what_was_said_before() -> None:
    known = utterances()
    for id_, end_ms in (("one", 1000.0), ("two", 2000.0)):
        known.begin(id_)
        known.ended(id_, end_ms)
    assert known.understood("two", "Second.") == []
    both = known.understood("one", "First.")
    assert clauses(both) == ["First.", "Second."]
    assert captions(both) == "First. Second."
    assert [one.id for one in both if isinstance(one, Clause)] == ["clause_1", "clause_2"]


def test_a_failed_recognition_leaves_what_was_heard_before() -> None:
    known = utterances()
    known.begin("one")
    for text in ("we go home and", "we go home and"):
        known.so_far("one", text, 500.0)
    known.ended("one", 800.0)
    assert clauses(known.failed("one")) == ["we go home"]
    assert not known.pending


def test_utterances_without_words_make_nothing() -> None:
    known = utterances()
    known.begin("one")
    known.ended("one", 800.0)
    assert known.understood("one", "") == []
    assert not known.pending


def test_transcripts_of_unknown_utterances_are_ignored() -> None:
    known = utterances()
    assert known.so_far("none", "text here", 0.0) == []
    assert known.understood("none", "text") == []
    assert known.failed("none") == []
