"""What the server is just saying, so that a turn which repeats it is known for an echo.

The second net behind the echo guard of the turn detector: a recogniser makes words even of an echo
that was not found in the sound. A turn whose transcript is a stretch of what may be heard from a
loudspeaker is no turn of the user's. Short ones count as the user's, who may well repeat a word.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from difflib import SequenceMatcher

LATE_MS = 500
"""How long after the end of what is said an echo of it may begin: it is late by some 900 ms at
most, and words take their time. Who answers needs longer, and may use the same words."""
KEPT_MS = 60_000
"""How long clauses are kept: the transcript of a turn comes some time after it."""
LEAST_WORDS = 3
"""Fewer are no stretch: "in London?" is a question of the user's."""
ALIKE = 0.8
"""Share of the words that have to be said in the same order: recognisers mishear echoes."""

# Letters and digits; where words are written without spaces, two characters count as one.
_WORDS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_]+(?:['’][^\W_]+)*")
_CHARACTERS_A_WORD = 2


@dataclass(slots=True)
class _Clause:
    words: list[str]
    until_ms: float = 0.0
    """When it has been said at the latest."""


class OwnWords:
    """The clauses of one session that may sound, by milliseconds of audio that the client wrote."""

    def __init__(self) -> None:
        """Start with nothing said."""
        self._clauses: deque[_Clause] = deque()
        self._end_ms = 0.0
        self._during: dict[str, float] = {}
        """Turns that began while something was being said: item id → onset in ms."""

    def speaking(self, text: str, now_ms: float) -> None:
        """Note that the audio which follows speaks `text`."""
        while self._clauses and self._clauses[0].until_ms < now_ms - KEPT_MS:
            self._clauses.popleft()
        self._clauses.append(_Clause(words_of(text), max(self._end_ms, now_ms)))

    def made(self, audio_ms: float, now_ms: float) -> None:
        """Note audio of the last clause, which is played behind what was made before."""
        self._end_ms = max(self._end_ms, now_ms) + audio_ms
        if self._clauses:
            self._clauses[-1].until_ms = self._end_ms

    def turn_began(self, item_id: str, onset_ms: float) -> None:
        """Note a turn, whose words may turn out to be the server's own."""
        if onset_ms <= self._end_ms + LATE_MS and self._clauses:
            self._during[item_id] = onset_ms

    def turn_over(self, item_id: str) -> None:
        """Forget a turn whose transcript is there."""
        self._during.pop(item_id, None)

    def contain(self, item_id: str, text: str) -> bool:
        """Return whether what a turn seems to say is a stretch of what was being said in it."""
        onset_ms = self._during.get(item_id)
        heard = words_of(text)
        if onset_ms is None or _weight(heard) < LEAST_WORDS:
            return False
        sounding = [one for one in self._clauses if one.until_ms + LATE_MS >= onset_ms]
        said = [word for clause in sounding for word in clause.words]
        matcher = SequenceMatcher(None, said, heard, autojunk=False)
        blocks = [block for block in matcher.get_matching_blocks() if block.size]
        if not blocks:
            return False
        alike = sum(block.size for block in blocks)
        stretch = blocks[-1].a + blocks[-1].size - blocks[0].a
        return alike >= ALIKE * max(len(heard), stretch)


def words_of(text: str) -> list[str]:
    """Return the words of a text, as they sound: without case and punctuation."""
    return _WORDS.findall(text.casefold())


def _weight(words: list[str]) -> float:
    return sum(
        1 / _CHARACTERS_A_WORD if len(word) == 1 and word > "\u3000" else 1 for word in words
    )
