"""Words found in phonemes: joined, left out, read otherwise, and piece by piece."""

from __future__ import annotations

import pytest

from providers.tts.phoneme_places import WordsInPhonemes, word_starts


@pytest.mark.parametrize(
    ("alone", "whole", "begins"),
    [
        (["ɪt", "ɪz", "wʌn"], "ɪɾɪzwʌn", "ɪɾ ɪz wʌn"),
        (["ʌv", "ðə", "bɛst"], "əvðəbɛst", "əv ðə bɛst"),
        # What is read otherwise lies between what is not.
        (["ni", "ɚtɕhiɛnlingɚsi", "niɛn"], "niɚlingɚsiniɛn", "ni ɚlingɚsi niɛn"),
    ],
)
def test_words_begin_where_their_own_phonemes_do(alone: list[str], whole: str, begins: str) -> None:
    starts = word_starts(alone, whole)
    pieces = [whole[a:b] for a, b in zip(starts, [*starts[1:], None], strict=True)]
    assert " ".join(pieces) == begins


def test_a_word_without_a_sound_begins_with_the_next() -> None:
    assert word_starts(["a", "", "b"], "ab") == [0, 1, 1]
    assert word_starts(["a", "b", ""], "ab") == [0, 1, 1]


def test_each_piece_tells_the_words_that_begin_in_it() -> None:
    words = WordsInPhonemes("A man – and; a plan.", "ə mæn ændə plæn", lambda text: text.lower())
    # Of 12 phonemes.
    first = words.spoken([float(ms) for ms in range(0, 500, 100)])
    rest = words.spoken([float(ms) for ms in range(0, 700, 100)])
    assert first == [(0, 0.0), (1, 100.0), (5, 400.0)]
    assert [before for before, _ in rest] == [9, 10]
    assert [ms for _, ms in rest] == [200.0, 300.0]


def test_a_reader_that_loses_words_tells_no_times() -> None:
    words = WordsInPhonemes("A man.", "ə mæn", lambda text: text.replace(";", ""))
    assert words.spoken([0.0, 100.0, 200.0, 300.0]) == []


def test_a_text_without_words_and_one_without_phonemes_have_none() -> None:
    assert WordsInPhonemes("– …", "…", str).spoken([0.0]) == []
    assert WordsInPhonemes("龘", "", lambda _: "").spoken([]) == []
