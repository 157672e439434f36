"""A text becomes one that a voice with a lexicon can say all of."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.tts.sherpa_text import Lexicon


@pytest.fixture(scope="module")
def lexicon(tmp_path_factory) -> Lexicon:
    folder: Path = tmp_path_factory.mktemp("lexicons")
    letters = "".join(f"{letter} {letter}\n" for letter in "abcdefghijklmnopqrstuvwxyz")
    (folder / "en.txt").write_text(f"hello h\ndog d\ndon't d\nthree t\ntwo t\n{letters}")
    (folder / "zh.txt").write_text("你 n\n好 h\n银行 y\n", encoding="utf-8")
    return Lexicon(folder / name for name in ("en.txt", "zh.txt"))


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        ("Hello, dog!", "Hello, dog!"),
        ("HELLO Dog", "HELLO Dog"),
        ("I don’t", "I don't"),
        ("Xerxes", "X e r x e s"),
        ("the dog's, two dogs", "t h e dog, two dog"),
        ("3 dogs", "three dog"),
        ("hello🙂dog", "hello dog"),
        ("Ünï hello", "n hello"),
        ("你好, hello 3", "你好, hello 3"),
        ("银行饕餮", "银行"),
        ("🙂 …", ""),
        ("", ""),
    ],
)
def test_nothing_is_left_that_the_voice_would_skip(lexicon, text, readable):
    assert lexicon.readable(text) == readable
