"""How the log words what is over: a turn, a response or a clause, and the figures of a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loguru import logger

from telemetry.call_figures import CallFigures
from telemetry.turn_record import Stage


def log_over(
    event: str,
    what: str,
    stages: Mapping[Stage, float],
    reason: str | None,
    error_code: str | None,
    **fields: Any,
) -> None:
    """Log, in the name of the calling module, that something is over.

    Args:
        event: The name of the line.
        what: Ids and outcome, in words.
        stages: Seconds to each stage, in their order.
        reason: Why it failed, and the line is a warning; None: it did not fail.
        error_code: The code of that.
        **fields: What else the line is bound to.
    """
    times = {f"{stage}_ms": round(s * 1000, 1) for stage, s in stages.items()}
    code = {} if reason is None else {"error_code": error_code}
    words = ", ".join(f"{stage.replace('_', ' ')} {s * 1000:.0f} ms" for stage, s in stages.items())
    line = ": ".join(filter(None, (what, words, reason)))
    log = logger.bind(event=event, **fields, **times, **code).opt(depth=1)
    log.log("INFO" if reason is None else "WARNING", line)


def call_fields(call: CallFigures) -> dict[str, float]:
    """Return what was measured of a call, by the names of the log."""
    loss = None if call.loss is None else call.loss * 100
    figures = {
        "loss_percent": loss,
        "jitter_ms": call.jitter_ms,
        "round_trip_ms": call.round_trip_ms,
        "concealed_ms": call.concealed_ms,
    }
    return {name: round(value, 1) for name, value in figures.items() if value is not None}


def call_words(fields: Mapping[str, float]) -> str:
    """Return `call_fields` as the end of a line: `, loss 0.4 %, jitter 3.1 ms`."""
    names = (name.rsplit("_", 1) for name in fields)
    return "".join(
        f", {what.replace('_', ' ')} {fields[f'{what}_{unit}']:g} {unit.replace('percent', '%')}"
        for what, unit in names
    )
