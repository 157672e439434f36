"""Which rule counts for which turn."""

from __future__ import annotations

from typing import Any

from testing.rules import Answers, Calls, Fails, Hears, read_script
from testing.script import Script


def script(*rules: dict[str, Any]) -> Script:
    made = Script()
    made.add(read_script(list(rules)))
    return made


def says(made: Script, words: str, *, of_call: bool = False) -> str | None:
    rule = made.spoken(words, of_call=of_call)
    if isinstance(rule, Calls):
        return f"call {rule.calls[0].name}"
    return rule.answers if isinstance(rule, Answers) else None


def test_rules_count_in_their_order_and_once() -> None:
    made = script({"answers": "one"}, {"answers": "two"})
    assert [says(made, "hello") for _ in range(3)] == ["one", "two", None]


def test_a_rule_may_count_several_times_or_always() -> None:
    made = script({"answers": "thrice", "times": 3}, {"answers": "ever", "times": "always"})
    assert [says(made, "") for _ in range(5)] == ["thrice"] * 3 + ["ever"] * 2


def test_what_counts_always_comes_behind_what_is_counted_wherever_it_stands() -> None:
    made = script({"answers": "usual", "times": "always"}, {"answers": "special"})
    assert [says(made, "") for _ in range(2)] == ["special", "usual"]


def test_a_rule_waits_for_its_words() -> None:
    made = script({"answers": "sun", "when": "weather"}, {"answers": "other"})
    assert [says(made, "hello"), says(made, "the Weather?"), says(made, "hello")] == [
        "other",
        "sun",
        None,
    ]


def test_a_call_that_is_made_always_is_not_made_again_with_its_own_result() -> None:
    made = script({"calls": {"name": "f"}, "times": "always"}, {"answers": "done", "when": "do"})
    made_after = script({"calls": {"name": "f"}}, {"calls": {"name": "g"}})
    assert says(made, "nothing") == "call f"
    assert says(made, "nothing", of_call=True) is None
    assert says(made, "do it", of_call=True) == "done"
    # One call may lead to another.
    assert says(made_after, "") == "call f"
    assert says(made_after, "", of_call=True) == "call g"


def test_a_turn_keeps_its_transcript_however_often_it_is_recognised() -> None:
    made = script({"hears": "one"}, {"fails": "x", "stage": "stt"}, {"hears": "three"})
    first = made.heard("item_1")
    assert isinstance(first, Hears) and made.heard("item_1") is first
    assert isinstance(made.heard("item_2"), Fails)
    assert isinstance(made.heard("item_3"), Hears)
    assert made.heard("item_4") is None


def test_failures_are_of_their_stage() -> None:
    made = script(
        {"fails": "a", "stage": "tts", "when": "rain"},
        {"fails": "b", "stage": "stt"},
        {"fails": "c", "when": "hello"},
    )
    assert made.spoken("rain") is None
    assert made.voice_fails("sun") is None
    voice, heard, model = made.voice_fails("It rains"), made.heard("i"), made.spoken("hello")
    assert isinstance(voice, Fails) and voice.fails == "a"
    assert isinstance(heard, Fails) and heard.fails == "b"
    assert isinstance(model, Fails) and model.fails == "c"


def test_faults_are_counted_in_each_session_from_when_they_are_known() -> None:
    made = script({"drops": 2})
    assert [made.sent("a", "x"), made.sent("b", "x"), made.sent("b", "x")] == [None, None, "drop"]
    assert made.sent("a", "x") is None
    made.add(read_script([{"expires": "response.done"}]))
    assert [made.sent("a", "x"), made.sent("a", "response.done")] == [None, "expire"]
    assert made.sent("a", "response.done") is None


def test_delays_that_are_not_named_stay() -> None:
    made = Script()
    made.add(read_script({"delays": {"stt_ms": 5}}))
    made.add(read_script({"delays": {"tts_ms": 7}}))
    assert (made.delays.stt_ms, made.delays.llm_ms, made.delays.tts_ms) == (5, 0, 7)


def test_its_state_tells_how_often_each_rule_counted_and_a_reset_ends_it() -> None:
    made = script(
        {"calls": {"name": "f"}, "times": "always", "when": {"regex": "a|b"}, "delay_ms": 5},
        {"drops": 4},
    )
    made.spoken("a")
    call = {"name": "f", "arguments": {}}
    when = {"regex": "a|b"}
    assert made.state() == [
        {
            "rule": "calls",
            "calls": [call],
            "when": when,
            "delay_ms": 5,
            "times": "always",
            "taken": 1,
        },
        {"rule": "drops", "drops": 4, "times": 1, "taken": 0},
    ]
    made.reset()
    assert made.state() == [] and made.spoken("") is None
