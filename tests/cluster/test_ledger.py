"""A call, an answer and a way back are counted once, and where they belong."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.cluster import ledger as ledgers
from tests.cluster.ledger import (
    Answered,
    Ended,
    Ledger,
    Lost,
    NeverHappened,
    Opened,
    Refused,
    Unanswered,
    figures,
    imbalance,
    shares,
)


def test_a_loss_counts_where_it_happened_and_is_over_with_the_next_session() -> None:
    counted = figures(
        [
            Opened(1.0, 1, "a", 0.9),
            Answered(6.0, 1, "a"),
            Lost(12.0, 1, "a", True, None, True),
            Refused(12.5, 1, "HTTP 503"),
            Opened(14.0, 1, "b", 13.9, True),
            Lost(15.0, 2, "a", False, 1001),
        ],
        began=10.0,
    )
    assert counted.opened == {"a": 1, "b": 1}
    assert counted.lost == {"a": 2}
    assert (counted.answers, counted.lost_answers) == (1, 1)
    assert counted.refused == {"HTTP 503": 1}
    assert counted.noticed_s == (2.0, 5.0)
    assert counted.back_s == (2.0,)
    assert (counted.kept, counted.resumed) == (1, 1)
    cells = ("2", "1", "2", "1", "1", "3.5 / 5.0", "2.0 / 2.0", "1 of 1")
    assert counted.row() == cells
    assert len(ledgers.HEADINGS) == len(cells)


def test_an_answer_that_never_comes_is_lost_though_the_call_is_not() -> None:
    counted = figures([Unanswered(3.0, 1, "a", "no answer in 20 s")], began=0.0)
    assert (counted.lost.total(), counted.lost_answers) == (0, 1)


def test_a_session_anew_is_not_one_that_goes_on() -> None:
    counted = figures(
        [Lost(1.0, 1, "a", False, None, True), Opened(2.0, 1, "b", 1.5, False)], began=0.0
    )
    assert (counted.kept, counted.resumed) == (1, 0)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [({"a": 10, "b": 10}, 0.0), ({"a": 12, "b": 8}, 0.2), ({"a": 4}, 1.0), ({}, 0.0)],
)
def test_imbalance_is_the_largest_distance_from_a_fair_share(
    counts: dict[str, int], expected: float
) -> None:
    assert imbalance(Counter(counts), ["a", "b"]) == pytest.approx(expected)


def test_shares_are_of_those_who_talk_not_of_calls_that_were_opened() -> None:
    entries = [
        Opened(1.0, 1, "a", 1.0),
        Opened(1.1, 2, "b", 1.1),
        # Short calls of one caller do not make a gateway fuller.
        *[Opened(2.0 + number, 2, "b", 2.0) for number in range(9)],
    ]
    assert shares(entries) == {"a": 9, "b": 9}


async def test_whoever_waits_is_told_of_what_happens_meanwhile() -> None:
    ledger = Ledger()

    async def happens() -> None:
        ledger.note(Opened(1.0, 1, "a", 1.0))
        await asyncio.sleep(0)
        ledger.note(Opened(2.0, 2, "b", 2.0))
        ledger.note(Ended(3.0, 1, "a"))

    task = asyncio.create_task(happens())
    await ledger.until(lambda: ledger.held() == {"b": 1}, "one is left")
    assert ledger.callers_of("b") == {2}
    await task


async def test_what_does_not_happen_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "PATIENCE_S", 0)
    with pytest.raises(NeverHappened, match="somebody calls"):
        await Ledger().until(lambda: False, "somebody calls")
