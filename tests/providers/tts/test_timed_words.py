"""Word times of Pipecat's services: Cartesia's, on a server that speaks as it does."""

from __future__ import annotations

from typing import Any

import pytest
from pipecat.frames.frames import AggregatedTextFrame

from providers.frames import WordTimesFrame
from providers.tts.timed_words import PATIENCE_MS, TimedClauses
from tests.providers.fakes.cartesia import LETTER_MS, FakeCartesia
from tests.providers.heard import heard

FIRST = "I paid 1,250 dollars."
SECOND = "It's 7:30, wonderfully slow."


def settings(fake: FakeCartesia) -> dict[str, Any]:
    return {
        "provider": "pipecat.services.cartesia.tts:CartesiaTTSService",
        "api_key": "key",
        "api_base": f"ws://127.0.0.1:{fake.port}",
        "voice_id": "a-voice",
    }


@pytest.mark.parametrize("speed", [1.0, 0.75, 1.25])
async def test_a_cut_leaves_the_words_that_cartesia_had_said(speed: float) -> None:
    text = f"{FIRST} {SECOND}"
    # In the middle of a word, the words before it are heard.
    middles = [text.index(word) + len(word) / 2 for word in text.split()[1:]]
    cuts = [place * LETTER_MS / speed for place in reversed(middles)]
    async with FakeCartesia().running() as fake:
        told = await heard(settings(fake), text, cuts, speed)
    words = text.split()
    assert told == [" ".join(words[:count]) for count in range(len(words) - 1, 0, -1)]
    assert all(message["add_timestamps"] for message in fake.messages)


async def test_without_word_times_the_clauses_share_the_audio() -> None:
    # All the text is sent before the first of it is spoken.
    text = f"{FIRST} {SECOND}"
    length_ms = LETTER_MS * (len(text) + 1)
    async with FakeCartesia(tells=False).running() as fake:
        later, early = await heard(settings(fake), text, [length_ms * 0.9, length_ms * 0.2])
    assert later.startswith(FIRST)
    assert later != text
    assert FIRST.startswith(early)
    assert early != FIRST


def clause(text: str) -> AggregatedTextFrame:
    return AggregatedTextFrame(text, "sentence")


def test_a_clause_is_held_back_until_its_first_word_is_said() -> None:
    clauses = TimedClauses()
    assert not clauses.add(clause("One two."))
    second = clause("Two three.")
    assert clauses.add(second)
    assert [*clauses.made(500)] == []
    for word, ms, told in (("One", -500, [(0, -500)]), ("two.", -100, [(3, -100)])):
        (times,) = clauses.said(word, ms)
        assert isinstance(times, WordTimesFrame)
        assert times.words == told
    assert next(clauses.said("Two", 200)) is second


def test_a_voice_that_tells_no_times_is_not_waited_for() -> None:
    clauses = TimedClauses()
    clauses.add(clause("One two."))
    second = clause("Two three.")
    clauses.add(second)
    assert [*clauses.made(PATIENCE_MS - 1)] == []
    assert [*clauses.made(2)] == [second]
    assert not clauses.add(clause("And four."))
