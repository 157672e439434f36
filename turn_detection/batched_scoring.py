"""Windows of all sessions go through Silero together: a tenth of the cost of one at a time.

With many sessions a window waits until there are enough for a call, but no longer than 8 ms; with
few it does not wait. What is decided depends on neither, because a row of a call does not depend on
the other rows, and a session's windows stay in order.
"""

from __future__ import annotations

import asyncio
from collections import deque

from session.decisions import Decision
from turn_detection import silero_network
from turn_detection.silero import SileroModel, score_together
from turn_detection.turn_detector import TurnDetector

GATHER_S = 0.008
"""Shortest time between two calls of the model for different sessions."""
MAX_ROWS = silero_network.ROWS
"""Windows in one call: the event loop stands still for less than 1 ms."""


class VoiceScoring:
    """Asks the model on behalf of all the detectors of the process."""

    def __init__(self, model: SileroModel) -> None:
        """Ask `model`."""
        self._model = model
        self._due: deque[tuple[TurnDetector, asyncio.Future[Decision | None]]] = deque()
        self._round: asyncio.Handle | None = None
        self._last_round = 0.0
        self._served_last: TurnDetector | None = None
        """The only detector of the last call; None: there were several."""

    async def next_decision(self, detector: TurnDetector) -> Decision | None:
        """Return the next decision on the audio that `detector` was given; None: there is none.

        Call it again after a decision: there may be more audio behind it.
        """
        decision = detector.advance()
        if decision is not None or not detector.waiting:
            return decision
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Decision | None] = loop.create_future()
        self._due.append((detector, result))
        if len(self._due) == MAX_ROWS and self._round is not None:
            self._round.cancel()
            self._round = loop.call_soon(self._run)
        elif self._round is None:
            alone = self._served_last is detector
            due = loop.time() if alone else self._last_round + GATHER_S
            self._round = loop.call_at(due, self._run)
        return await result

    def _run(self) -> None:
        """Score a window of each detector that waits, and go on until none of them does."""
        loop = asyncio.get_running_loop()
        rows: list[tuple[TurnDetector, asyncio.Future[Decision | None]]] = []
        while self._due and len(rows) < MAX_ROWS:
            detector, result = self._due.popleft()
            if not result.done():
                rows.append((detector, result))
        behind = False
        if rows:
            self._last_round = loop.time()
            self._served_last = rows[0][0] if len(rows) == 1 else None
            behind = self._score(rows)
        if not self._due:
            self._round = None
        elif behind or len(self._due) >= MAX_ROWS:
            # Other work goes on between two rounds.
            self._round = loop.call_soon(self._run)
        else:
            self._round = loop.call_at(self._last_round + GATHER_S, self._run)

    def _score(self, rows: list[tuple[TurnDetector, asyncio.Future[Decision | None]]]) -> bool:
        """Score a window of each; return whether one of them has another: it is behind."""
        try:
            windows = [detector.window for detector, _ in rows]
            scores = score_together(self._model, [detector.stream for detector, _ in rows], windows)
        # Without an answer the sessions would wait for ever.
        except Exception as error:
            for _, result in rows:
                result.set_exception(error)
            return False
        behind = False
        for (detector, result), window, score in zip(rows, windows, scores, strict=True):
            decision = detector.scored(window, score) or detector.advance()
            if decision is None and detector.waiting:
                self._due.append((detector, result))
                behind = True
            else:
                result.set_result(decision)
        return behind
