"""What the voice is given, and when: the first clause early, then whole sentences, nothing lost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from answering.clauses import ClauseAggregator


async def stream(pieces: list[str], aggregator: ClauseAggregator | None = None) -> list[list[str]]:
    """What each piece releases, and at last what the end of the answer does."""
    aggregator = aggregator or ClauseAggregator()
    released = [[clause.text async for clause in aggregator.aggregate(piece)] for piece in pieces]
    rest = await aggregator.flush()
    return [*released, [rest.text] if rest else []]


@pytest.mark.parametrize("end", list(",;:.!?…，；：。！？"))
async def test_the_first_clause_goes_as_soon_as_it_ends(end: str) -> None:
    released = await stream(["Well then", end, " this is more"])
    assert released == [[], [f"Well then{end}"], [], ["this is more"]]


async def test_after_the_first_clause_whole_sentences_go() -> None:
    pieces = ["Hello there,", " my friend, how", " are you?", " Fine, thanks.", " Bye"]
    assert await stream(pieces) == [
        ["Hello there,"],
        [],
        [],
        ["my friend, how are you?"],
        ["Fine, thanks."],
        ["Bye"],
    ]


async def test_a_clause_of_almost_nothing_waits_for_more() -> None:
    assert await stream(["Ah,", " I see,", " yes"]) == [[], ["Ah, I see,"], [], ["yes"]]


@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        (["It costs 3", ".", "5 dollars, I think"], "It costs 3.5 dollars, I think"),
        (["About 1", ",", "000 people"], "About 1,000 people"),
        (["We go at 10", ":", "30 sharp"], "We go at 10:30 sharp"),
    ],
)
async def test_a_number_is_not_cut_in_two(pieces: list[str], whole: str) -> None:
    assert [clause for released in await stream(pieces) for clause in released] == [whole]


async def test_a_number_may_end_a_clause() -> None:
    assert await stream(["You are 42", ". ", "Well"]) == [[], ["You are 42."], [], ["Well"]]


async def test_a_title_is_not_the_end_of_a_sentence() -> None:
    released = await stream(["Hello,", " this is Dr.", " Smith speaking.", " Yes"])
    assert released == [["Hello,"], [], [], ["this is Dr. Smith speaking."], ["Yes"]]


async def test_a_long_run_without_a_pause_goes_by_its_whole_words() -> None:
    words = [f" word{number}" for number in range(14)]
    released = await stream(words)
    first = next(clauses for clauses in released if clauses)
    assert released.index(first) == 10
    assert first == [" ".join(f"word{number}" for number in range(10))]
    assert released[-1] == [" ".join(f"word{number}" for number in range(10, 14))]


async def test_a_word_that_still_grows_is_not_cut() -> None:
    words = [f" word{number}" for number in range(10)] + [" straw", "berry", " jam", " now"]
    assert [clause for released in await stream(words) for clause in released] == [
        " ".join(f"word{number}" for number in range(10)),
        "strawberry jam now",
    ]


async def test_an_answer_without_an_end_goes_at_its_end() -> None:
    assert await stream(["Hello", " there"]) == [[], [], ["Hello there"]]


async def test_an_empty_answer_is_nothing() -> None:
    assert await stream([]) == [[]]
    assert not any(clause for released in await stream(["", " "]) for clause in released)


async def test_every_answer_has_an_early_first_clause() -> None:
    aggregator = ClauseAggregator()
    for _ in range(2):
        assert (await stream(["Well then,", " this"], aggregator))[0] == ["Well then,"]


async def test_an_interruption_drops_what_was_not_spoken() -> None:
    aggregator = ClauseAggregator()
    await anext(aggregator.aggregate("Hello there, my"), None)
    await aggregator.handle_interruption()
    assert await stream(["Well then,", " this"], aggregator) == [["Well then,"], [], ["this"]]


sentences = st.lists(
    st.sampled_from(
        [
            "Hello",
            " there",
            ",",
            ".",
            "!",
            " 3",
            ".5",
            " Dr",
            " I",
            " am",
            "\n",
            "好，",
            "再见。",
            " ok",
        ]
    ),
    max_size=30,
)


@given(pieces=sentences)
@settings(deadline=None, derandomize=True, max_examples=150)
async def test_every_letter_is_spoken_once_and_in_order(pieces: list[str]) -> None:
    spoken = "".join(clause for released in await stream(pieces) for clause in released)
    assert "".join(spoken.split()) == "".join("".join(pieces).split())
