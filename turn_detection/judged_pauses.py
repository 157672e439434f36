"""When Smart Turn is asked about a pause, when its answer is needed, and what is known till then.

A question is asked at 96 ms of silence and its answer read at 192, so that the judgement costs no
waiting. It is asked once more where that could be a mistake of too short a pause: it sounds
complete and no words are known, for robotic voices sound complete for a moment anywhere; or the
words are finished, and it sounds incomplete, as many sentences do at first. What is read when is a
matter of the audio alone: the same audio ends at the same offset, however fast the model is, unless
the model is too late (`turn_detection/smart_turn.py`).
"""

from __future__ import annotations

from session.turn_settings import Eagerness
from turn_detection.finished import Ending, ending_of
from turn_detection.pause_rule import LIKELY, UNLIKELY, Evidence, needed_ms
from turn_detection.silero import WINDOW_MS

ASKED_WINDOWS, READ_WINDOWS = (3, 7), (6, 10)
"""Windows of silence at which a question is asked, and at which its answer is needed."""
STALE_WINDOWS = 4
"""Windows of voice behind a transcript that it does not have any more."""


class JudgedPauses:
    """The pauses of a session with `semantic_vad`, one after the other."""

    def __init__(self, eagerness: Eagerness) -> None:
        """Start without a turn.

        Args:
            eagerness: How the evidence is read.
        """
        self._eagerness: Eagerness = eagerness
        self.begin()

    def begin(self) -> None:
        """A turn begins: nothing is known of it."""
        self._ending: Ending | None = None
        self._voiced_windows = 0
        self._since_text = 0
        self._forget_pause()

    def voiced(self) -> None:
        """Take a voiced window: there is no pause, or it is over."""
        self._voiced_windows += 1
        self._since_text += 1
        if self._since_text > STALE_WINDOWS:
            self._ending = None
        self._forget_pause()

    def _forget_pause(self) -> None:
        self._asked = 0
        self._read = 0
        self._complete: float | None = None
        self._known_windows: int | None = None

    def heard_text(self, text: str) -> None:
        """Take the transcript of the turn so far."""
        self._ending = ending_of(text)
        self._since_text = 0
        self._known_windows = None

    @property
    def needed_windows(self) -> int:
        """Windows of silence that end the turn, as far as is known."""
        if self._known_windows is None:
            voiced_ms = self._voiced_windows * WINDOW_MS
            evidence = Evidence(self._complete, self._ending, voiced_ms)
            self._known_windows = -(-needed_ms(self._eagerness, evidence) // WINDOW_MS)
        return self._known_windows

    def verdict_due(self, silent: int) -> bool:
        """Return whether the answer to the last question is needed now.

        Args:
            silent: Windows of silence so far.
        """
        return self._asked > self._read and silent >= READ_WINDOWS[self._read]

    def ask(self, silent: int) -> bool:
        """Return whether Smart Turn is to be asked now, which is noted.

        Args:
            silent: Windows of silence so far.
        """
        if self._asked > self._read or self._asked == len(ASKED_WINDOWS):
            return False
        if silent < ASKED_WINDOWS[self._asked] or not self._matters:
            return False
        self._asked += 1
        return True

    @property
    def _matters(self) -> bool:
        """Whether another judgement could change anything: each costs 90 ms of CPU."""
        if self._complete is None:
            # Hanging words and numbers wait whatever they sound like.
            return self._ending not in (Ending.HANGING, Ending.RECITED)
        return self._seems_cut_off or (self._ending is None and self._complete >= LIKELY)

    @property
    def _seems_cut_off(self) -> bool:
        """Whether it sounds incomplete, though the words are finished."""
        finished = self._ending is Ending.FINISHED
        return finished and self._complete is not None and self._complete < UNLIKELY

    def judged(self, completeness: float | None) -> None:
        """Take the answer to the question that was asked last.

        Args:
            completeness: Probability (0–1) that the turn is over; None: it came too late.
        """
        self._read = self._asked
        if completeness is not None:
            if self._complete is not None and not self._seems_cut_off:
                completeness = min(self._complete, completeness)
            self._complete = completeness
        self._known_windows = None
