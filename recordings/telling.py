"""Differences and latencies as lines that somebody reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from recordings.differences import ABSENT, Difference
from recordings.latency import Compared
from recordings.timeline import Message
from settings.localisation import _

_LONGEST = 160
"""Characters of a value."""


def told(found: Sequence[Difference]) -> Iterator[str]:
    """Yield the lines of differences."""
    for one in found:
        yield from _difference(one)


def waited(unmet: Sequence[Message], patience_s: float) -> Iterator[str]:
    """Yield the line that says what was waited for in vain, and not played on before."""
    if unmet:
        more = len(unmet) - 1
        told = _("waited   {seconds:g} s in vain for {event}").format(
            seconds=patience_s, event=_named(unmet[0])
        )
        yield told + ("  " + _("(and {more} more)").format(more=more) if more else "")


def slow(compared: Sequence[Compared], slower_than: float) -> list[Compared]:
    """Return the stages that take more than so many times what they took, and 20 ms more."""
    return [
        one
        for one in compared
        if one.ratio > slower_than and one.now_ms - one.recorded_ms > _NOTICED_MS
    ]


_NOTICED_MS = 20.0
"""What a machine is late by itself."""


def waterfall(compared: Sequence[Compared]) -> Iterator[str]:
    """Yield the lines of latencies, answer by answer."""
    for number, stages in groupby(compared, lambda one: one.answer):
        yield _("answer {number}").format(number=number)
        for one in stages:
            took = f"  {one.stage:<12}{one.recorded_ms:>9.0f} ms → {one.now_ms:>7.0f} ms"
            # Of a few ms a ratio says nothing.
            counts = max(one.recorded_ms, one.now_ms) >= _NOTICED_MS
            yield f"{took}  ×{one.ratio:.2f}" if counts else took


def _difference(one: Difference) -> Iterator[str]:
    often = "" if one.times == 1 else "  " + _("(and {more} more)").format(more=one.times - 1)
    if one.kind == "missing" and one.recorded is not None:
        yield _("missing  {event}").format(event=_named(one.recorded))
    elif one.kind == "further" and one.met is not None:
        yield _("further  {event}").format(event=_named(one.met))
    elif one.kind == "order" and one.recorded is not None:
        if one.was == "before":
            words = _("order    {event} came before {other}, and comes behind it")
        else:
            words = _("order    {event} came behind {other}, and comes before it")
        yield words.format(event=_named(one.recorded), other=one.now)
    elif one.recorded is not None:
        where = f" {one.field}" if one.field else ""
        yield _("other    {event}").format(event=_named(one.recorded) + where + often)
        yield f"         - {_value(one.was)}"
        yield f"         + {_value(one.now)}"


def _named(message: Message) -> str:
    place = _(" (line {line})").format(line=message.line) if message.line else ""
    kind = message.type or _("what is no event")
    return f"{kind}{place}{_about(message)}"


def _about(message: Message) -> str:
    """Return what of an event tells somebody which one it is."""
    event = message.event or {}
    error = event.get("error")
    if isinstance(error, dict):
        return f": {error.get('code')}: {_value(error.get('message'))}"
    item = event.get("item")
    if isinstance(item, dict):
        return ": " + " ".join(str(item[name]) for name in ("role", "type") if item.get(name))
    return ""


def _value(value: Any) -> str:
    if value == ABSENT:
        return _("(absent)")
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
