"""Where a clause ends: behind punctuation, before a conjunction, where it is long."""

from __future__ import annotations

import pytest

from translation.clauses import ClauseCutter
from translation.words import joined, words_of


def cut(text: str) -> list[str]:
    """Return the clauses of words that came one by one, the last one what is left."""
    cutter = ClauseCutter()
    clauses = [clause for word in words_of(text) for clause in cutter.push([word])]
    return [joined(clause) for clause in clauses + cutter.finish([])]


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("Good morning. How are you?", ["Good morning.", "How are you?"]),
        ("Well, I am here.", ["Well, I am here."]),
        ("When you come home, we will eat", ["When you come home,", "we will eat"]),
        ("It is 3. 5 I said", ["It is 3. 5 I said"]),
        ("Ask Dr. Brown about it", ["Ask Dr. Brown about it"]),
        (
            "we were all at home yesterday because it rained",
            ["we were all at home yesterday", "because it rained"],
        ),
        ("salt and pepper", ["salt and pepper"]),
        ("你好。今天天气很好，我们去公园。", ["你好。", "今天天气很好，我们去公园。"]),
        ("今天早上天气非常好，我们去公园。", ["今天早上天气非常好，", "我们去公园。"]),
    ],
)
def test_clauses(text: str, clauses: list[str]) -> None:
    assert cut(text) == clauses


def test_a_clause_without_any_sign_ends_where_it_is_long() -> None:
    words = [f"word{place}" for place in range(30)]
    clauses = cut(" ".join(words))
    assert [len(clause.split()) for clause in clauses] == [14, 14, 2]
    assert " ".join(clauses) == " ".join(words)


def test_what_is_complete_is_cut_into_sentences_alone() -> None:
    cutter = ClauseCutter()
    words = words_of("I know, but it rains, and I stay. Do you come?")
    assert [joined(clause) for clause in cutter.finish(words)] == [
        "I know, but it rains, and I stay.",
        "Do you come?",
    ]
    assert cutter.finish([]) == []
