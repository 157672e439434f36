"""Text is cut where its script changes, and nothing of it is lost."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.tts.script_runs import script_of, split_runs


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("Hello there.", [("Hello there.", None)]),
        ("你好！", [("你好！", "Han")]),
        ("我有3个苹果。", [("我有3个苹果。", "Han")]),
        ("3 个", [("3 个", "Han")]),
        ("Say 你好, please.", [("Say ", None), ("你好, ", "Han"), ("please.", None)]),
        ("天気です", [("天気", "Han"), ("です", "kana")]),
        ("안녕 Привет", [("안녕 ", "Hangul"), ("Привет", "Cyrillic")]),
        ("שלום مرحبا", [("שלום ", "Hebrew"), ("مرحبا", "Arabic")]),
        ("Γειά σου नमस्ते สวัสดี", [("Γειά σου ", "Greek"), ("नमस्ते ", "Devanagari"), ("สวัสดี", "Thai")]),
        ("café, naïve", [("café, naïve", None)]),
        ("… 42!", [("… 42!", None)]),
        ("", []),
    ],
)
def test_runs(text: str, runs: list[tuple[str, str | None]]) -> None:
    found = [(run.text, run.script.name if run.script else None) for run in split_runs(text)]
    assert found == runs


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_runs_are_the_text(text: str) -> None:
    runs = split_runs(text)
    assert "".join(run.text for run in runs) == text
    assert all(one.script is not other.script for one, other in pairwise(runs))
    for run in runs:
        assert {script_of(char) for char in run.text if char.isalpha()} <= {run.script}


def test_languages_of_a_script_read_it() -> None:
    cyrillic = script_of("Ж")
    assert cyrillic is not None
    assert cyrillic.language == "ru"
    assert cyrillic.readable_in("ru")
    assert cyrillic.readable_in("uk")
    assert not cyrillic.readable_in("en")
