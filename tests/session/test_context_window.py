"""What is left out when a conversation outgrows its model (§C.7)."""

from __future__ import annotations

import pytest

from session.content import InputText
from session.context_window import ContextTooLong, fit
from session.items import FunctionCall, FunctionCallOutput, UserMessage
from session.reading_order import Readable, ToolExchange, reading_order
from session.session_settings import Truncation
from wire.session_fields import RetentionRatio, TokenLimits


def message(number: int) -> UserMessage:
    """A message of 100 estimated tokens."""
    text = f"{number:03d}".ljust(400, ".")
    return UserMessage(f"item_{number}", [InputText(text)])


ITEMS: list[Readable] = [message(number) for number in range(10)]


def ids(read: list[Readable]) -> list[str]:
    return [item.call_id if isinstance(item, ToolExchange) else item.id for item in read]


def kept(truncation: Truncation, window: int | None) -> list[str]:
    return ids(fit(ITEMS, "", truncation, window))


def test_what_fits_is_left_alone():
    assert kept("auto", 1000) == ids(ITEMS)
    assert kept("disabled", 1000) == ids(ITEMS)


def test_an_unknown_window_limits_nothing():
    assert kept("auto", None) == ids(ITEMS)


def test_the_oldest_go_first():
    assert kept("auto", 350) == ["item_7", "item_8", "item_9"]


def test_the_instructions_stay_and_count():
    assert len(fit(ITEMS, "x" * 400, "auto", 350)) == 2


def test_disabled_says_how_long_it_is():
    with pytest.raises(ContextTooLong) as caught:
        kept("disabled", 350)
    assert caught.value.error.code == "context_length_exceeded"
    assert "1000" in caught.value.error.message


def test_a_ratio_drops_more_than_needed():
    ratio = RetentionRatio(type="retention_ratio", retention_ratio=0.5)
    assert kept(ratio, 800) == [f"item_{n}" for n in range(6, 10)]
    assert kept(ratio, 1000) == ids(ITEMS)


def test_a_client_s_own_limit_counts_without_a_window():
    limits = TokenLimits(post_instructions=200)
    ratio = RetentionRatio(type="retention_ratio", retention_ratio=1.0, token_limits=limits)
    assert kept(ratio, None) == ["item_8", "item_9"]


def test_a_call_goes_with_its_result():
    call = FunctionCall("call", "c", "f", "{}")
    result = FunctionCallOutput("result", "c", "x" * 400)
    read = reading_order([message(1), call, result, message(2)])
    assert ids(fit(read, "", "auto", 250)) == ["c", "item_2"]
    assert ids(fit(read, "", "auto", 150)) == ["item_2"]


def test_a_late_result_is_kept_with_its_old_call():
    call = FunctionCall("call", "c", "f", "{}")
    result = FunctionCallOutput("result", "c", "x" * 400)
    read = reading_order([call, message(1), message(2), result])
    assert ids(fit(read, "", "auto", 250)) == ["item_2", "c"]
