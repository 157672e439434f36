"""Whether a voice that is heard while an answer sounds takes the floor (§B.5).

People say "uh-huh" to each other without taking turns, and they cough and laugh. So such a voice
is at first only possible speech. It takes the floor by its words; or by going on: a back-channel is
over, or fading, before half a second. The figures are those of the voices for tuning in
`benchmarks/listen`.

Pure: what was heard comes in, and what it means so far can be asked at any time.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from session.backchannels import Said, said
from session.decisions import SpeechPersisted

ASK_MS = (224, 352, 512)
"""Continuous voice after which the recogniser is asked what was said so far."""
FIRM_MS = 416
"""Continuous voice that takes the floor if it is as loud at its end as it ever was: short words
fade by then, and sentences do not."""
FIRM_DB = 2.0
"""How far below its loudest window a voice may be that has not faded."""
FIRM_WINDOWS = 2
"""Windows at the end of which the louder one counts: a stop consonant is a short silence."""
CERTAIN = 0.96
"""Mean probability of speech that a firm voice has at least; laughs and coughs seldom do."""
LONG_MS = 640
"""Continuous voice that takes the floor, however it sounds."""
WORDLESS_MS = 2016
"""The same, if the recogniser heard no word in it so far: a laugh."""
IN_SILENCE_MS = 2016
"""The same, whether the recogniser told of it or not, while nothing sounds: a laugh is seldom as
long."""
CHATTY_MS = 1600
"""The same, if it heard nothing but back-channels so far: "yeah, yeah, right"."""
LOUD_DB = 10.0
"""How far above the user's usual level a voice is raised to be heard at once."""
LOUD_MS = 224
"""Continuous raised voice that takes the floor."""


class Verdict(Enum):
    """What a possible turn is so far."""

    OPEN = "open"
    """It is not decided."""
    TAKEN = "taken"
    """The user has the floor: the turn interrupts the answer."""
    GIVEN_UP = "given up"
    """It is over and was no turn."""


class Floor:
    """One possible turn."""

    def __init__(self, usual_db: float | None = None, *, in_silence: bool = False) -> None:
        """Start with its onset.

        Args:
            usual_db: How loud the user usually speaks, in dBFS; None: it is not known.
            in_silence: Whether nothing sounds that it could interrupt: then there is time to wait
                for its words.
        """
        self._in_silence = in_silence
        self._usual_db = usual_db
        self._said: Said | None = None
        """What the recogniser made of it so far; None: it did not tell."""
        self._finished = False
        """Whether that is of all that was said so far."""
        self._failed = False
        self._asked = 0
        """How often the recogniser was asked in the middle of the voice."""
        self._late = False
        """Whether the last window was held back."""
        self._voiced_ms = 0
        self._loudest_db = -200.0
        self._last_db: deque[float] = deque(maxlen=FIRM_WINDOWS)
        self._certainty = 0.0
        self._windows = 0
        """Windows of the voice that goes on at present."""

    @property
    def said(self) -> Said | None:
        """What the recogniser made of all of it; None: it did not tell yet, or more was said."""
        return self._said if self._finished else None

    def heard(self, speech: SpeechPersisted, *, late: bool = False) -> None:
        """Take the next window of sound.

        Args:
            speech: It.
            late: Whether it was held back. Perhaps the voice is over, and nobody was asked for its
                words meanwhile; so how long it went on decides nothing before the present.
        """
        self._late = late
        if not speech.voiced_ms:
            self._windows, self._certainty, self._voiced_ms = 0, 0.0, 0
            self._last_db.clear()
            return
        self._voiced_ms = speech.voiced_ms
        self._windows += 1
        self._certainty += speech.probability
        self._last_db.append(speech.level_db)
        self._loudest_db = max(self._loudest_db, speech.level_db)

    def asks(self) -> bool:
        """Return whether the recogniser is to be asked now for what was said so far."""
        if self._late:
            return False
        due = self._asked < len(ASK_MS) and self._voiced_ms >= ASK_MS[self._asked]
        self._asked += due
        return due

    def answered(self, text: str) -> None:
        """Take what the recogniser made of it when it was asked.

        At first no word may be complete. Later that means that there are none, as in a laugh.
        """
        what = said(text, finished=False)
        if what is not Said.NOTHING or self._asked == len(ASK_MS):
            self._said, self._finished = what, False

    def resumed(self) -> None:
        """More is said than what the recogniser told of, and is judged by itself.

        Only what had no words goes on as that: a laugh comes in bursts.
        """
        self._finished = False
        if self._said is not Said.NOTHING:
            self._said = None

    def transcribed(self, text: str, *, finished: bool) -> None:
        """Take the transcript so far, or of all of it."""
        what = said(text, finished=finished)
        if finished or what is not Said.NOTHING:
            self._said, self._finished = what, finished

    def failed(self) -> None:
        """Nobody will know what was said: it counts as words."""
        self._failed = True

    def verdict(self, *, over: bool = False, sounds: bool = True) -> Verdict:
        """Return what the turn is so far.

        Args:
            over: Whether the turn has ended.
            sounds: Whether the answer still sounds for certain. If not, "yes" may be a reply.
        """
        if self._failed or self._said in (Said.COMMAND, Said.WORDS) or self._goes_on:
            return Verdict.TAKEN
        if not self._finished:
            return Verdict.OPEN
        if self._said is Said.BACK_CHANNEL and not sounds:
            return Verdict.TAKEN
        return Verdict.GIVEN_UP if over else Verdict.OPEN

    @property
    def _goes_on(self) -> bool:
        if self._late:
            return False
        match self._said:
            case None | Said.NOTHING if self._in_silence:
                limit_ms = IN_SILENCE_MS
            case None:
                limit_ms = LONG_MS
            case Said.NOTHING:
                limit_ms = WORDLESS_MS
            case _:
                limit_ms = CHATTY_MS
        if self._voiced_ms >= limit_ms:
            return True
        if self._in_silence or self._said is not None:
            return False
        return self._is_firm or self._is_raised

    @property
    def _is_firm(self) -> bool:
        return (
            self._voiced_ms >= FIRM_MS
            and max(self._last_db) >= self._loudest_db - FIRM_DB
            and self._certainty >= CERTAIN * self._windows
        )

    @property
    def _is_raised(self) -> bool:
        usual_db = self._usual_db
        if usual_db is None or self._voiced_ms < LOUD_MS:
            return False
        return min(self._last_db) >= usual_db + LOUD_DB and (
            self._certainty >= CERTAIN * self._windows
        )
