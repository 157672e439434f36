"""What of an answer was heard when it is interrupted."""

from __future__ import annotations

from clients.terminal.answer import Answer, Cut


def answer(*sounds: str, done: bool = False) -> Answer:
    made = Answer(None, "sending", response_id="resp_1", done=done)
    made.note_words("text", "To read.", spoken=False)
    for item_id in sounds:
        made.note_words(item_id, "one two", spoken=True)
        made.note_sound(item_id, 200.0)
        made.note_end_of_sound(item_id)
    return made


def test_an_interrupted_answer_is_cut_from_what_plays() -> None:
    it = answer("a", "b", done=True)
    assert it.interrupt("a", 120.9) == [Cut("a", 120, len("one ")), Cut("b", 0, 0)]
    assert it.interrupted


def test_an_answer_that_has_not_sounded_yet_is_cut_at_its_last_words() -> None:
    assert answer().interrupt(None, 0) == [Cut("text", None, len("To read."))]


def test_an_answer_that_was_heard_is_not_cut() -> None:
    it = answer("a", done=True)
    assert it.interrupt(None, 120) == []
    assert not it.interrupted


def test_sound_that_is_not_of_this_answer_leaves_all_of_it_unheard() -> None:
    assert answer("a").interrupt("other", 50) == [
        Cut("text", None, len("To read.")),
        Cut("a", 0, 0),
    ]


def test_words_whose_sound_is_still_to_come_were_not_heard() -> None:
    it = answer()
    it.note_words("a", "one two three", spoken=True)
    it.note_sound("a", 500.0)
    assert it.interrupt(None, 500) == [Cut("a", None, len("one two "))]
    assert it.interrupt("a", 300) == [Cut("a", 300, len("one "))]
