"""A message waits for what the other side had said before it, and for nothing else."""

from __future__ import annotations

from recordings.ids import Ids
from recordings.timeline import Message
from recordings.waiting import Waiting
from tests.recordings.sessions import answer, audio, message

CANCEL = message("response.cancel", "client")


def waiting(*messages: Message, amounts: bool = True) -> Waiting:
    return Waiting(messages, "server", Ids(), amounts=amounts)


def types(messages: list[Message]) -> list[str]:
    return [one.type for one in messages]


def test_it_waits_for_the_second_answer_where_there_had_been_two():
    recorded = [*answer("a", "i", "One."), *answer("b", "j", "Two."), CANCEL]
    asked = waiting(*recorded)
    for one in answer("x", "k", "One."):
        asked.came(one)
    lacking = asked.lacking(len(recorded) - 1)
    assert {(one.event or {}).get("response_id", "b") for one in lacking} == {"b"}
    for one in answer("y", "l", "Two."):
        asked.came(one)
    assert asked.lacking(len(recorded) - 1) == []
    assert asked.pairing.ids.now({"response_id": "b"}) == {"response_id": "y"}


def test_it_waits_for_as_much_text_and_audio_however_that_is_cut():
    recorded = [*answer("a", "i", "One two")[:4], audio(300, "a"), CANCEL]
    asked = waiting(*recorded)
    for one in answer("x", "k", "One two")[:3]:
        asked.came(one)
    asked.came(audio(200, "x"))
    assert types(asked.lacking(5)) == ["response.output_text.delta", "response.output_audio.delta"]
    asked.came(message("response.output_text.delta", response_id="x", item_id="k", delta="two"))
    asked.came(audio(100, "x"))
    assert asked.lacking(5) == []


def test_in_real_time_the_beginning_of_each_part_is_enough():
    recorded = [*answer("a", "i", "One two three")[:5], CANCEL]
    asked = waiting(*recorded, amounts=False)
    for one in answer("x", "k", "One")[:3]:
        asked.came(one)
    assert asked.lacking(5) == []


def test_an_answer_that_is_over_is_not_waited_for():
    recorded = [*answer("a", "i", "A very long answer."), CANCEL]
    asked = waiting(*recorded)
    short = answer("x", "k", "Yes.")
    for one in (short[0], short[-1]):
        asked.came(one)
    assert asked.lacking(len(recorded)) == []


def test_what_is_given_up_on_is_not_waited_for_again_and_rate_limits_never_are():
    asked = waiting(message("session.created"), message("rate_limits.updated"), CANCEL)
    assert types(asked.lacking(2)) == ["session.created"]
    asked.give_up(asked.lacking(2))
    assert asked.lacking(2) == []


def test_the_time_is_counted_from_what_came_last():
    recorded = [
        message("session.created", ms=10),
        message("session.updated", ms=50),
        CANCEL,
        message("response.done", ms=90),
    ]
    asked = waiting(*recorded)
    assert asked.anchor(2) == (0, 0)
    asked.came(message("session.created", ms=100))
    asked.came(message("session.updated", ms=170))
    asked.came(message("response.done", ms=500))
    assert asked.anchor(2) == (50, 170)
