"""Scores windows of all sessions in shared calls of Silero: a tenth of the cost of single calls.

With many sessions a window waits until there are enough for a call, but no longer than 8 ms; with
few it does not wait. Decisions do not depend on that, because a row of a call does not depend on
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
"""Most windows in one call, which then blocks the event loop for less than 1 ms."""


class VoiceScoring:
    """Scores windows for all turn detectors of the process."""

    def __init__(self, model: SileroModel) -> None:
        """Score with `model`."""
        self._model = model
        self._due: deque[tuple[TurnDetector, asyncio.Future[Decision | None]]] = deque()
        self._round: asyncio.Handle | None = None
        self._last_round = 0.0
        self._served_last: TurnDetector | None = None
        """The detector of the last call, if it was alone: then it need not wait for others."""

    async def next_decision(self, detector: TurnDetector) -> Decision | None:
        """Return the next decision on the audio of `detector`; None: there is none yet.

        Call it again after a decision: there may be another.
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
        """Score one window of each waiting detector, and schedule the next round."""
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
            # The event loop runs other work between two rounds.
            self._round = loop.call_soon(self._run)
        else:
            self._round = loop.call_at(self._last_round + GATHER_S, self._run)

    def _score(self, rows: list[tuple[TurnDetector, asyncio.Future[Decision | None]]]) -> bool:
        """Score one window of each detector; return whether any has more windows waiting."""
        try:
            windows = [detector.window for detector, _ in rows]
            scores = score_together(self._model, [detector.stream for detector, _ in rows], windows)
        # Whatever fails, the waiting sessions must get an answer.
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
