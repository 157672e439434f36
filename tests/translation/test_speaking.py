"""The translation as it is spoken: in order, none over another, faster where it is late."""

from __future__ import annotations

import pytest

from audio.pcm import duration_ms, silence
from translation.speaking import STEP_BYTES, Sound, Speaking, elapsed, pace
from translation.utterances import Clause

MOST = 1.15


def clause(number: int, end_ms: float) -> Clause:
    return Clause(f"c{number}", f"clause {number}", end_ms)


def spoken(speaking: Speaking, ms: float) -> list[Sound]:
    """Let the clause that is next be spoken for so long at the voice's own pace."""
    known = speaking.next()
    assert known is not None
    sounds = [*speaking.sound(known.id, silence(ms)), *speaking.end(known.id)]
    assert speaking.over(known.id) is not None
    return sounds


def length(sounds: list[Sound]) -> float:
    return sum(duration_ms(sound.pcm) for sound in sounds)


@pytest.mark.parametrize(
    ("behind", "speed"), [(0, 1.0), (1000, 1.0), (2500, 1.075), (4000, MOST), (60_000, MOST)]
)
def test_the_pace_grows_with_the_delay_up_to_its_limit(behind: float, speed: float) -> None:
    assert pace(behind, MOST) == pytest.approx(speed)
    assert pace(behind, 1.0) == 1.0


def test_elapsed_times_are_whole_steps() -> None:
    assert [elapsed(ms) for ms in (0, 199.9, 200, 1234)] == [0, 0, 200, 1200]


def test_a_clause_begins_where_its_last_word_ended_or_the_one_before_ends() -> None:
    speaking = Speaking(MOST)
    for number, end_ms in enumerate([1000, 1500, 9000]):
        speaking.add(clause(number, end_ms))
    first, second, third = (spoken(speaking, 1000) for _ in range(3))
    assert [sound.elapsed_ms for sound in first] == [1000, 1200, 1400, 1600, 1800]
    assert second[0].elapsed_ms == 2000
    assert third[0].elapsed_ms == 9000
    assert all(len(sound.pcm) <= STEP_BYTES for sound in first)
    assert speaking.idle


def test_nobody_is_begun_while_another_is_spoken() -> None:
    speaking = Speaking(MOST)
    speaking.add(clause(0, 0))
    speaking.add(clause(1, 0))
    assert speaking.next() == clause(0, 0)
    assert speaking.next() is None
    assert list(speaking.sound("c1", silence(100))) == []
    assert speaking.over("c1") is None
    assert not speaking.idle


def test_a_speaker_who_is_faster_is_caught_up_with_and_nothing_is_left_out() -> None:
    """Each clause takes 4 s to say, and its translation 4.4 s."""
    speaking = Speaking(MOST)
    behind, made = [], 0.0
    for number in range(40):
        end_ms = 4000.0 * (number + 1)
        speaking.add(clause(number, end_ms))
        sounds = spoken(speaking, 4400)
        behind.append(sounds[0].elapsed_ms - end_ms)
        made += length(sounds)
    # A tenth too slow, it settles where it is a tenth faster, and does not fall behind any more.
    assert max(behind) < 4000
    assert abs(behind[-1] - behind[-10]) <= 200
    assert 40 * 4400 / MOST < made < 40 * 4400


def test_what_the_fastest_pace_cannot_catch_up_with_waits() -> None:
    """Each translation takes twice as long as its clause."""
    speaking = Speaking(MOST)
    ends, sounds = [], []
    for number in range(20):
        speaking.add(clause(number, 2000.0 * (number + 1)))
        said = spoken(speaking, 4000)
        sounds += said
        ends.append(said[-1].elapsed_ms)
    assert length(sounds) > 20 * 4000 / MOST
    assert ends == sorted(ends)
    assert ends[-1] > 2000 * 20 + 20_000


def test_text_of_two_clauses_has_a_space_between_it() -> None:
    speaking = Speaking(MOST)
    told = []
    for number, deltas in enumerate([[" Guten", " Tag."], ["\n", "Wie", " geht's?"], ["你好。"]]):
        speaking.add(clause(number, 1000))
        speaking.next()
        told += [speaking.text(f"c{number}", delta) for delta in deltas]
        speaking.over(f"c{number}")
    assert [one[0] if one else None for one in told] == [
        "Guten",
        " Tag.",
        None,
        " Wie",
        " geht's?",
        "你好。",
    ]
