"""The books of the calls: each is counted, logged in one line, and waited for at the end."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Self

from loguru import logger

from models_http.connection import ClientGone
from models_http.engines import Engines, Kind
from models_http.metrics import CallMetrics
from models_http.refusals import Refusal
from wire.errors import ProtocolError

_NAMES: dict[Kind, str] = {"stt": "transcription", "tts": "speech"}
_UNAVAILABLE = 503


class Calls:
    """Where calls are entered."""

    def __init__(self, engines: Engines, metrics: CallMetrics) -> None:
        """Keep the books of `engines`, and count in `metrics`."""
        self.engines = engines
        self.metrics = metrics

    def of(self, kind: Kind) -> Call:
        """Return a new call."""
        return Call(self, kind)


class Call:
    """One call, from its request to the end of its answer: `with calls.of(kind) as call`.

    What it is left with decides the outcome.
    """

    def __init__(self, calls: Calls, kind: Kind) -> None:
        """Prepare; it begins with the block."""
        self._calls = calls
        self._kind: Kind = kind
        self._begun = time.monotonic()
        self._first_s: float | None = None
        self.audio_s = 0.0
        """Seconds of audio that were transcribed, or made."""

    def first_audio(self) -> None:
        """Note that the client is sent its first audio."""
        self._first_s = time.monotonic() - self._begun
        self._calls.metrics.first_audio(self._first_s)

    def __enter__(self) -> Self:
        self._calls.engines.begun()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._calls.engines.ended()
        took_s = time.monotonic() - self._begun
        outcome, why = _outcome(error)
        self._calls.metrics.over(self._kind, outcome, took_s, self.audio_s)
        name = _NAMES[self._kind]
        first = "" if self._first_s is None else f", first after {1000 * self._first_s:.0f} ms"
        code = getattr(getattr(error, "error", error), "code", None)
        become = f"{outcome} ({code})" if outcome == "refused" else outcome
        line = f"{name}: {become}, {self.audio_s:.1f} s of audio{first}, {1000 * took_s:.0f} ms"
        log = logger.bind(
            event=name,
            outcome=outcome,
            code=code,
            audio_s=round(self.audio_s, 3),
            took_ms=round(1000 * took_s),
            **({} if self._first_s is None else {"first_ms": round(1000 * self._first_s)}),
        )
        if outcome == "failed":
            log.warning(self._calls.engines.redacted(f"{line}: {why}"))
            if error is not None and not isinstance(error, Refusal):
                log.opt(exception=error).debug("the engine's own error")
        else:
            log.info(line)


def _outcome(error: BaseException | None) -> tuple[str, str]:
    """Return what became of a call, and why if it failed."""
    if error is None:
        return "completed", ""
    if isinstance(error, ClientGone | asyncio.CancelledError):
        return "abandoned", ""
    if isinstance(error, ProtocolError):
        return "refused", ""
    if isinstance(error, Refusal):
        # 503 is the server's own word: it is full, or starts, or ends. No engine fails by it.
        if error.status < 500 or error.status == _UNAVAILABLE:
            return "refused", ""
        return "failed", error.error.message
    return "failed", type(error).__name__
