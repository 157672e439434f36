"""English as a person reads it aloud, and where they breathe."""

from __future__ import annotations

import pytest

from providers.tts.english_text import MAX_WORDS, readable, short_pieces


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Visit https://www.example.com/docs?id=3, now.", "Visit example dot com slash docs, now."),
        ("See example.org.", "See example dot org."),
        ("http://localhost:8080/v1", "localhost port 8080 slash v1"),
        ("Write to info@example.com.", "Write to info at example dot com."),
        ("https://a.com/" + "x" * 60, "a dot com"),
        ("Open main.py, then data.json.", "Open main dot P Y, then data dot json."),
        ("# Heading", "Heading"),
        ("- **Bold** and *italic* and `code`", "Bold and italic and code"),
        ("[the page](https://example.com) is up", "the page is up"),
        ("C# and F# with #python, item #3", "C sharp and F sharp with hashtag python, item #3"),
        ("<b>Bold</b> &amp; more", "Bold & more"),
        ("2 < 3 and 3 > 2", "2 < 3 and 3 > 2"),
        ("i.e. this, e.g. that", "that is, this, for example, that"),
        ("I.e., yes. E.g., no.", "That is, yes. For example, no ."),
        ("No. 5 on p. 12", "number 5 on page 12"),
        ("Version 1.2.3 or v2.0.1", "Version 1 point 2 point 3 or version 2 point 0 point 1"),
        ("Ping 192.168.0.1", "Ping 192 dot 168 dot 0 dot 1"),
        ("Call +1 (555) 123-4567", "Call plus 1, 5 5 5, 1 2 3, 4 5 6 7"),
        ("Agent 007 pays $5.50 at 7:05", "Agent 0 0 7 pays $5.50 at 7:05"),
        ("1234567890123456789", "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9"),
        ("6 * 7 = 42", "6 times 7 = 42"),
        ("Hmm, I see", "[Hmm](/hˈʌm/), I see"),
        ("snake_case stays, and 3 * 4", "snake_case stays, and 3 times 4"),
        ("What?! Plain text, 5% of it.", "What?! Plain text, 5% of it."),
    ],
)
def test_text_is_written_as_it_is_said(written: str, spoken: str) -> None:
    assert " ".join(readable(written).split()) == spoken


def test_no_markup_makes_it_slow() -> None:
    # By the square of its length, one of these would take minutes.
    for run in ("<", "[", "*", "a.", "a-", "1.", "1", "_a", "com.", "a@"):
        text = run * 100_000
        assert len(readable(text)) < 8 * len(text)


def test_a_long_sentence_is_cut_and_nothing_is_lost() -> None:
    sentence = " ".join(f"word{number}" for number in range(600))
    pieces = list(short_pieces(sentence))
    assert " ".join(pieces) == sentence
    assert max(len(piece.split()) for piece in pieces) <= MAX_WORDS


def test_it_is_cut_where_a_speaker_would_breathe() -> None:
    first = "When the train had left the station and all was quiet on the platform again,"
    assert list(short_pieces(f"{first} he went home to his wife.")) == [
        first,
        "he went home to his wife.",
    ]
    start = " ".join(["one"] * 30)
    end = " ".join(["two"] * 20)
    assert list(short_pieces(f"{start} because {end}")) == [start, f"because {end}"]


@pytest.mark.parametrize("sentence", ["Short.", "A few words, and then some more of them."])
def test_a_short_sentence_is_whole(sentence: str) -> None:
    assert list(short_pieces(sentence)) == [sentence]


def test_nothing_is_nothing() -> None:
    assert list(short_pieces(" ")) == []
