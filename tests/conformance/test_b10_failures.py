"""§B.10: responses that fail or stay incomplete."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from config import LLMConfig
from session.effects import StopGenerating
from session.ports import FailureReason, TokenUsage
from session.reports import ResponseFailed, TokensCounted
from tests.conformance.sequences import ZERO, Output, created, done, driver, response, usage
from tests.support.session_driver import Driver, of, session_config, types


def test_a_failure_ends_the_response_without_an_error_event_and_the_session_goes_on() -> None:
    d = driver()
    d.respond()
    failed = d.running
    error = FailureReason("No credit.", "insufficient_quota", "insufficient_quota")
    events = d.report(ResponseFailed(failed, error))
    assert types(events) == ["response.done"]
    assert events[0]["response"]["status_details"]["error"]["code"] == "insufficient_quota"
    assert d.kind(StopGenerating) == [StopGenerating(failed)]
    assert d.is_active(failed) is False
    assert types(d.respond()) == ["response.created"]


def test_a_failure_before_anything_was_made_is_created_and_done_alone() -> None:
    d = driver()
    events = d.respond()
    error = {"type": "server_error", "code": "rate_limit_exceeded", "message": "Slow down."}
    failure = FailureReason(error["message"], error["code"], error["type"])
    events += d.report(ResponseFailed(d.running, failure))
    assert d.named(events) == [
        created(),
        {
            "type": "response.done",
            "response": response(
                "failed",
                status_details={"type": "failed", "error": error},
                usage=ZERO,
            ),
        },
    ]


@pytest.mark.parametrize("ending", ["failed", "cancelled"])
def test_what_the_model_counted_is_told_however_the_response_ends(ending: str) -> None:
    d = driver()
    d.respond()
    d.text("One")
    d.report(TokensCounted(d.running, TokenUsage(30, 12, 4)))
    if ending == "failed":
        events = d.report(ResponseFailed(d.running, FailureReason("The voice is gone.")))
    else:
        events = d.send("response.cancel")
    done = of(events, "response.done")[0]["response"]
    assert done["status"] == ending
    counted = deepcopy(usage(30, 12))
    counted["input_token_details"]["cached_tokens"] = 4
    counted["input_token_details"]["cached_tokens_details"]["text_tokens"] = 4
    assert done["usage"] == counted


@pytest.mark.parametrize(
    ("finish", "reason"),
    [("length", "max_output_tokens"), ("content_filter", "content_filter")],
)
def test_an_answer_cut_short_is_closed_as_incomplete(finish: Any, reason: str) -> None:
    d = driver()
    events = d.respond()
    events += d.text("One") + d.audio(100) + d.finish(finish, usage=TokenUsage(3, 1))
    answer = Output("item_1", None)
    assert d.named(events) == [
        created(),
        *answer.speaks("One", 100),
        *answer.has_spoken("One", "incomplete"),
        *done(
            "incomplete",
            status_details={"type": "incomplete", "reason": reason},
            output=[answer.spoken("One", "incomplete")],
            usage=usage(3, 1, audio_out=2),
        ),
    ]


def test_a_call_cut_short_keeps_the_arguments_it_has() -> None:
    d = driver()
    d.respond()
    d.call('{"city":"Mon')
    (item,) = of(d.finish("length"), "response.done")[0]["response"]["output"]
    assert (item["status"], item["arguments"]) == ("incomplete", '{"city":"Mon')


def test_a_context_too_long_with_truncation_disabled_fails_the_response() -> None:
    d = Driver(session_config(llm=LLMConfig(context_tokens=256)))
    d.update(truncation="disabled")
    d.say("word " * 1000)
    d.respond()
    finished = d.events[-1]["response"]
    assert (finished["status"], finished["output"]) == ("failed", [])
    assert finished["status_details"]["error"]["code"]
    assert d.requests == []
