"""Tests for the width of texts on a terminal."""

from __future__ import annotations

import pytest

from settings.columns import columns, padded


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("voice", 5), ("语音", 4), ("TTS 语音：", 10), ("cafe\u0301", 4), ("◌ 1", 3)],
)
def test_a_chinese_character_is_as_wide_as_two_others(text: str, width: int) -> None:
    assert columns(text) == width


def test_what_follows_begins_in_one_column() -> None:
    assert [padded(text, 6) for text in ("voice", "语音")] == ["voice ", "语音  "]
    assert padded("识别器和语音", 6) == "识别器和语音"
