"""Tests for the width of texts on a terminal."""

from __future__ import annotations

import pytest

from settings.columns import columns, padded, wrapped


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("voice", 5), ("语音", 4), ("TTS 语音：", 10), ("cafe\u0301", 4), ("◌ 1", 3)],
)
def test_a_chinese_character_is_as_wide_as_two_others(text: str, width: int) -> None:
    assert columns(text) == width


def test_what_follows_begins_in_one_column() -> None:
    assert [padded(text, 6) for text in ("voice", "语音")] == ["voice ", "语音  "]
    assert padded("识别器和语音", 6) == "识别器和语音"


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("A girl named Mira", ["A girl", "named Mira"]),
        ("two  spaces  end  ", ["two", "spaces", "end"]),
        ("她住在海边，和祖父", ["她住在海", "边，和祖父"]),
        ("她说了：“你好。”", ["她说了：", "“你好。”"]),
        ("用Enter发送消息", ["用Enter发", "送消息"]),
        ("internationally", ["internatio", "nally"]),
        ("a internationally b", ["a", "internatio", "nally b"]),
        ("一\n\ntwo", ["一", "", "two"]),
        ("", [""]),
    ],
)
def test_rows_are_broken_between_words(text: str, rows: list[str]) -> None:
    assert wrapped(text, 10) == rows
