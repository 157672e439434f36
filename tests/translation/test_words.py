"""Words of a transcript: cut between them, and put together again."""

from __future__ import annotations

import pytest

from translation.words import joined, space_between, words_of

TEXTS = [
    "Hello, my name is Anna.",
    "It costs 3.5 € — or 5 %, they say.",
    "«Oui», dit-il : d'accord !",
    "你好，世界。今天天气很好！",
    "東京に行きます。",
    "สวัสดีครับ",
    "안녕하세요, 만나서 반갑습니다.",
    "mixed 中文 and English",
    "¿Qué tal?",
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_words_together_are_the_text(text: str) -> None:
    assert joined(words_of(text)) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, you.", ["Hello,", "you."]),
        ("3.5 €", ["3.5 €"]),
        ("你好，世界。", ["你", "好，", "世", "界。"]),
        ("a 中b", ["a", "中", "b"]),
        ("", []),
    ],
)
def test_scripts_without_spaces_have_a_word_per_character(text: str, words: list[str]) -> None:
    assert [word.text for word in words_of(text)] == words


def test_the_form_of_a_word_is_without_case_and_punctuation() -> None:
    assert [word.form for word in words_of("«Oui», DIT-il.")] == ["oui", "ditil"]


@pytest.mark.parametrize(
    ("before", "after", "between"),
    [
        ("", "Hello", ""),
        ("Hello.", "Next", " "),
        ("Hello. ", "Next", ""),
        ("Hello", ", next", ""),
        ("hola", "¿qué", " "),
        ("世界。", "今天", ""),
        ("안녕", "세상", ""),
    ],
)
def test_pieces_have_a_space_between_them_where_the_script_has(
    before: str, after: str, between: str
) -> None:
    assert space_between(before, after) == between


def test_white_space_without_end_takes_no_time() -> None:
    # By the square of its length it would take an hour.
    assert [word.text for word in words_of(f"one{' ' * 200_000}two{' ' * 200_000}")] == [
        "one",
        "two",
    ]
