"""What a script may say, and the one line that names the place of what it may not."""

from __future__ import annotations

from typing import Any

import pytest

from testing.rules import (
    Answers,
    BadScript,
    Calls,
    Drops,
    Fails,
    Hears,
    Stalls,
    read_script,
)


def test_each_action_has_its_rule() -> None:
    given: list[dict[str, Any]] = [
        {"answers": "It is sunny."},
        {"calls": {"name": "get_weather", "arguments": {"city": "Oslo"}}},
        {"calls": [{"name": "a"}, {"name": "b", "arguments": "no JSON"}], "says": "Wait."},
        {"fails": "rate_limit_exceeded", "times": "always"},
        {"stalls": 3, "answers": "one two three four"},
        {"hears": ""},
        {"drops": "response.created", "times": 2},
    ]
    rules = read_script(given).rules
    kinds = [Answers, Calls, Calls, Fails, Stalls, Hears, Drops]
    assert [type(rule) for rule in rules] == kinds
    one, several = rules[1], rules[2]
    assert isinstance(one, Calls) and one.calls[0].written == '{"city": "Oslo"}'
    assert isinstance(several, Calls)
    assert [call.written for call in several.calls] == ["{}", "no JSON"]


def test_words_are_found_wherever_they_are_and_whatever_their_case() -> None:
    [plain, regex] = read_script(
        [{"answers": "x", "when": "the Rain"}, {"answers": "y", "when": {"regex": "^sn.w$"}}]
    ).rules
    assert isinstance(plain, Answers) and isinstance(regex, Answers)
    assert plain.when is not None and regex.when is not None
    assert plain.when.fits("Is THE RAIN over?") and not plain.when.fits("Is there rain?")
    assert regex.when.fits("snow") and not regex.when.fits("Snow")


def test_a_regular_expression_takes_no_longer_for_a_text_that_nearly_fits() -> None:
    [rule] = read_script([{"answers": "x", "when": {"regex": "^(a+)+$"}}]).rules
    assert isinstance(rule, Answers) and rule.when is not None
    # Python's own takes longer than the universe is old.
    assert not rule.when.fits("a" * 200 + "!")


def test_events_are_known_by_their_names_in_both_dialects_and_codes_may_be_new() -> None:
    beta, translated, code = read_script(
        [
            {"drops": "response.audio.delta"},
            {"drops": "session.output_audio.delta"},
            {"fails": "a_code_of_mine"},
        ]
    ).rules
    assert isinstance(beta, Drops) and beta.drops == "response.output_audio.delta"
    assert isinstance(translated, Drops) and translated.drops == "session.output_audio.delta"
    assert isinstance(code, Fails) and code.fails == "a_code_of_mine"


def test_delays_alone_are_a_script() -> None:
    part = read_script({"delays": {"llm_ms": 20}})
    assert part.rules == []
    assert part.delays is not None and part.delays.model_fields_set == {"llm_ms"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("answers", "script: must be a list of rules"),
        ({"rule": []}, "rule: there is no such part of a script. Did you mean rules?"),
        ({"rules": 3}, "script: must be a list of at most 10000 rules"),
        (["It is sunny."], "script[0]: must be a rule, such as"),
        ([{"answers": "x"}, {"answer": "y"}], "script[1]: says nothing to do; it needs one of"),
        ([{"answer": "y"}], "Did you mean answers?"),
        ([{"answers": ""}], "script[0].answers: must have at least 1 characters"),
        ([{"answers": 3}], "script[0].answers: must be a text"),
        ([{"answers": "x", "wen": "y"}], "script[0].wen: there is nothing of that name here. Did"),
        ([{"answers": "x", "when": ""}], "script[0].when: must be words, or a regular expression"),
        (
            [{"answers": "x", "when": {"regex": "("}}],
            "script[0].when: is no regular expression of this kind: unclosed",
        ),
        ([{"answers": "x", "times": 0}], "script[0].times: must be a whole number from 1, or 'al"),
        ([{"answers": "x", "times": True}], "script[0].times: must be a whole number"),
        ([{"answers": "x", "delay_ms": -1}], "script[0].delay_ms: must be at least 0"),
        ([{"calls": []}], "script[0].calls: must have at least 1 entries"),
        ([{"calls": [{"arguments": {}}]}], "script[0].calls[0].name: must be given"),
        ([{"calls": [{"name": "a"}, {"name": 3}]}], "script[0].calls[1].name: must be a text"),
        ([{"calls": [{"name": "a", "arguments": 3}]}], "script[0].calls[0].arguments: must be a t"),
        ([{"fails": "too many"}], "script[0].fails: must be a code of OpenAI's, such as"),
        ([{"fails": "x", "stage": "vad"}], "script[0].stage: must be one of 'stt', 'llm', 'tts'"),
        ([{"fails": "x", "stage": "stt", "when": "y"}], "script[0].when: a recogniser that fails"),
        ([{"fails": "x", "stage": "tts", "says": "y"}], "script[0].says: only the model says"),
        ([{"stalls": "three"}], "script[0].stalls: must be a whole number"),
        ([{"hears": "x", "when": "y"}], "script[0].when: there is nothing of that name here."),
        ([{"drops": 0}], "script[0].drops: must be the number of events of the server after"),
        ([{"expires": True}], "script[0].expires: must be a whole number"),
        ([{"drops": "response.creatd"}], "script[0].drops: the server has no event 'response.cr"),
        ([{"expires": "response.create"}], "Did you mean response.created?"),
        ([{"fails": "rate_limit_exceded"}], "Did you mean rate_limit_exceeded?"),
        ([{"answers": "x", "when": {"regex": "(?=x)"}}], "script[0].when: is no regular express"),
        ({"delays": {"stt": 1}}, "delays.stt: there is nothing of that name here. Did you mean"),
        ({"delays": 3}, "delays: must be a table of names and values"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_place(given: Any, said: str) -> None:
    with pytest.raises(BadScript) as bad:
        read_script(given)
    assert said in str(bad.value) and "\n" not in str(bad.value)
