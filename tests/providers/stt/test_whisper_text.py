"""Whisper's tokens, on a vocabulary that is small enough to write down."""

from __future__ import annotations

import json

import pytest

from providers.stt.whisper_text import END, NO_TIMESTAMPS, START, Vocabulary, read_vocabulary

SPACE = "\u0120"
BYTES = [
    *(chr(byte) for byte in (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))),
    *(chr(byte) for byte in range(0x100, 0x144)),
]
WORDS = ["he", "ll", "hell", "hello", f"{SPACE}he", f"{SPACE}hello"]
MERGES = ["h e", "l l", "he ll", "hell o", f"{SPACE} he", f"{SPACE} hello"]
CONTROL = [END, START, "<|en|>", "<|yue|>", "<|notalanguage|>", NO_TIMESTAMPS, "<|0.00|>"]
TOKENS = [*BYTES, *WORDS, *CONTROL]


def vocabulary(merges: object = MERGES) -> Vocabulary:
    vocab = {token: number for number, token in enumerate([*BYTES, *WORDS])}
    model = {"model": {"vocab": vocab, "merges": merges}}
    return Vocabulary(TOKENS, lambda: json.dumps(model).encode())


def spelled(text: str, merges: object = MERGES) -> list[str]:
    return [TOKENS[token] for token in vocabulary(merges).encode(text)]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("hello", ["hello"]),
        ("hell", ["hell"]),
        (" he!", [f"{SPACE}he", "!"]),
        ("hehe", ["he", "he"]),
        ("hello  hello", ["hello", SPACE, f"{SPACE}hello"]),
        ("it's", ["i", "t", "'", "s"]),
        ("", []),
    ],
)
def test_words_are_cut_by_the_most_frequent_merge(text, tokens):
    assert spelled(text) == tokens


def test_merges_may_be_written_as_pairs():
    assert spelled("hello", [merge.split(" ") for merge in MERGES]) == ["hello"]


@pytest.mark.parametrize(
    "text", ["hello  hello", "以下是普通话的句子。", "naïve_12 😀\n\tok", "\x00\x7f\xad"]
)
def test_what_is_encoded_is_decoded(text):
    known = vocabulary()
    assert known.decode(known.encode(text)) == text


def test_a_part_of_a_character_is_kept_as_bytes():
    known = vocabulary()
    first, *rest = known.encode("é")
    assert known.spelled(first) + b"".join(map(known.spelled, rest)) == "é".encode()
    assert known.decode([first]) == "\N{REPLACEMENT CHARACTER}"


def test_marks_are_no_words():
    known = vocabulary()
    marks = [known[mark] for mark in CONTROL]
    assert known.words([*known.encode("hello"), *marks]) == known.encode("hello")
    assert known.languages == {"en", "yue"}


def test_vocabularies_are_read_in_both_formats():
    written = "".join(f"{token}\n" for token in ["a", "", "b"]).encode()
    assert read_vocabulary("vocabulary.txt", written) == ["a", "", "b"]
    assert read_vocabulary("vocabulary.json", b'["a", "", "b"]') == ["a", "", "b"]


def test_what_is_no_vocabulary_of_whispers_is_refused():
    with pytest.raises(ValueError, match="endoftext"):
        Vocabulary(["a", START, NO_TIMESTAMPS], lambda: b"")


@pytest.mark.parametrize("tokenizer", [b"{}", b"[]", b'{"model": {"merges": []}}'])
def test_what_is_no_tokenizer_is_refused(tokenizer):
    with pytest.raises(ValueError, match=r"tokenizer\.json"):
        Vocabulary(TOKENS, lambda: tokenizer).encode("a")
