"""What of an answer was heard when it is interrupted."""

from __future__ import annotations

from clients.terminal.answer import Answer, Cut


def answer(*sounds: str, done: bool = False) -> Answer:
    made = Answer(None, "sending", response_id="resp_1", done=done)
    made.note("text")
    for item_id in sounds:
        made.note(item_id, sound=True)
    return made


def test_an_interrupted_answer_is_cut_from_what_plays() -> None:
    it = answer("a", "b", done=True)
    assert it.interrupt("a", 120.9) == [Cut("a", 120), Cut("b", 0)]
    assert it.interrupted


def test_an_answer_that_has_not_sounded_yet_is_cut_at_its_last_words() -> None:
    assert answer().interrupt(None, 0) == [Cut("text", None)]


def test_an_answer_that_was_heard_is_not_cut() -> None:
    it = answer("a", done=True)
    assert it.interrupt(None, 120) == []
    assert not it.interrupted


def test_sound_that_is_not_of_this_answer_leaves_all_of_it_unheard() -> None:
    assert answer("a").interrupt("other", 50) == [Cut("text", None), Cut("a", 0)]


def test_words_stay_words_when_their_sound_came_first() -> None:
    it = answer("a")
    it.note("a")
    assert it.interrupt("a", 10) == [Cut("a", 10)]
