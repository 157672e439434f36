"""The model's text comes in whole words and clauses, and is the same text when put together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answering.clauses import ClauseAggregator
from answering.whole_clauses import ClauseCutter


async def cut(deltas: list[str]) -> list[str]:
    cutter = ClauseCutter()
    pieces = [piece for delta in deltas for piece in await cutter.push(delta)]
    return [*pieces, rest] if (rest := await cutter.flush()) else pieces


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (
            "Well, it costs 3.5 euros. Is that fine?",
            ["Well,", " it costs 3.5 euros.", " Is that fine?"],
        ),
        ("First line.\n\n  Second  line.", ["First line.", "\n\n  Second  line."]),
        ("你好，今天天气很好。我们走吧。", ["你好，今天天气很好。", "我们走吧。"]),
        ("  ", ["  "]),
        ("", []),
    ],
)
async def test_clauses_keep_their_spaces(text: str, pieces: list[str]):
    assert await cut(list(text)) == pieces


@given(st.lists(st.text(alphabet="ab.,!? \n5我。🙂", max_size=8), max_size=12))
async def test_no_sign_is_lost_or_added(deltas: list[str]):
    assert "".join(await cut(deltas)) == "".join(deltas)


@given(st.lists(st.text(alphabet="ab.,! ", max_size=8), max_size=12))
async def test_the_voice_gets_the_same_clauses_as_without_processors(deltas: list[str]):
    aggregator = ClauseAggregator()
    plain = [
        clause.text
        async for delta in deltas_of(deltas)
        async for clause in aggregator.aggregate(delta)
    ]
    rest = await aggregator.flush()
    plain += [rest.text] if rest is not None else []
    assert [piece.strip() for piece in await cut(deltas) if piece.strip()] == [
        clause.strip() for clause in plain if clause.strip()
    ]


async def deltas_of(deltas: list[str]):
    for delta in deltas:
        yield delta
