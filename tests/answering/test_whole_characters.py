"""Characters that a model's server cut in two are put together again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answering.whole_characters import WholeCharacters


def units(text: str) -> list[str]:
    """Text as a server in JavaScript cuts it: 16 bits at a time."""
    encoded = text.encode("utf-16-le")
    pairs = (encoded[at : at + 2] for at in range(0, len(encoded), 2))
    return [pair.decode("utf-16-le", "surrogatepass") for pair in pairs]


@given(st.text())
def test_whatever_is_cut_is_whole_again(text: str) -> None:
    characters = WholeCharacters()
    pieces = [characters.push(unit) for unit in units(text)]
    assert "".join(pieces) == text
    for piece in pieces:
        piece.encode()


@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        (["\ud83d", "\ude00!"], ["", "😀!"]),
        (["a\ud83d", "b"], ["a", "\ufffdb"]),
        (["\ude00"], ["\ufffd"]),
        (["\ud83d", "\ud83d\ude00"], ["", "\ufffd😀"]),
        (["plain", ""], ["plain", ""]),
    ],
)
def test_a_half_waits_for_its_other_half_alone(pieces: list[str], whole: list[str]) -> None:
    characters = WholeCharacters()
    assert [characters.push(piece) for piece in pieces] == whole
