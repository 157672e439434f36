"""Whose voice it is, by its level: who began a turn keeps it open, not the people behind (§C.4).

Talkers in the background are speech to Silero, so their chatter would keep a turn open for ever.
They are further from the microphone. A voice far below the loudest syllables of who began the turn
is therefore a pause of theirs, unless it is a soft ending, which is short. Who has a quiet room to
themselves is never cut: there every pause between words is quiet, and among talkers none is.
"""

from __future__ import annotations

from collections import deque

from turn_detection.level_control import SILENT_DB

BELOW_DB = 16.0
"""So far below the speaker's loud syllables a voice is somebody else's."""
ROOM_DB = 40.0
"""A room that falls further below them within 2 s has nobody else in it."""
SOFT_WINDOWS = 8
"""Windows behind a loud one that may be a soft ending, which is still the speaker's: 256 ms."""
LOUD_ROOM_DB = 32.0
"""A room that is no further below them hides most of a soft ending, and its noise keeps Silero sure
of a voice for longer than there is one."""
HEARD_SOFT_WINDOWS = 4
"""Windows of a soft ending that are heard in such a room: 128 ms."""
LOUD_WINDOWS = 3
"""Windows after which a new, louder level is believed: a click is shorter."""
FALL_DB = 0.05
"""By which the speaker's level falls with each window of theirs: people grow tired, 1.5 dB/s."""
GONE_WINDOWS = 62
"""Windows without any voice after which the others are gone: 2 s."""
_BLOCK_WINDOWS, _BLOCKS, _TURN_BLOCKS = 8, 8, 4


class RoomLevel:
    """The lowest level of the last 2 s, or of a turn of 1 s: of the room between two syllables."""

    def __init__(self) -> None:
        """Start in a silent room."""
        self._lowest = deque([SILENT_DB], maxlen=_BLOCKS)
        """Of each block of windows; the last one is not full yet."""
        self._count = 0
        self._in_turn = _BLOCKS
        """Blocks since the turn began, counted on until that is too long ago to matter."""
        self.level_db = SILENT_DB
        """In dBFS."""

    def turn_began(self) -> None:
        """Forget, once the turn is long enough, what was before it: it may have been silent."""
        self._in_turn, self._count = 0, _BLOCK_WINDOWS

    def heard(self, level_db: float) -> None:
        """Take a window's level in dBFS."""
        if self._count == _BLOCK_WINDOWS:
            self._count = 0
            self._in_turn += 1
            self._lowest.append(level_db)
            if _TURN_BLOCKS < self._in_turn < _BLOCKS:
                self.level_db = min(list(self._lowest)[-self._in_turn :])
            else:
                self.level_db = min(self._lowest) if len(self._lowest) == _BLOCKS else SILENT_DB
        elif level_db < self._lowest[-1]:
            self._lowest[-1] = level_db
            self.level_db = min(self.level_db, level_db)
        self._count += 1


class SpeakerLevel:
    """The level of who has the turn, and after it of who had it while others go on."""

    def __init__(self) -> None:
        """Start with nobody."""
        self._room = RoomLevel()
        self._forget()

    def _forget(self) -> None:
        self._level_db: float | None = None
        self._louder: list[float] = []
        self._quiet = 0
        self._others = False
        """Whether the last voice that was heard was somebody else's."""
        self._since_loud = 0
        """Windows of the turn since the speaker's last loud one."""

    def may_begin(self, level_db: float, voiced: bool) -> bool:
        """Return whether a window before speech may belong to an onset.

        Args:
            level_db: Its level in dBFS.
            voiced: Whether it sounds like speech.
        """
        self._room.heard(level_db)
        self._quiet = 0 if voiced else self._quiet + 1
        if self._quiet >= GONE_WINDOWS and self._level_db is not None:
            self._forget()
        if not voiced:
            self._louder.clear()
            return False
        if self._is_other(level_db):
            return False
        self._follow(level_db)
        return True

    def began(self) -> None:
        """Take the next windows as those of a turn."""
        self._room.turn_began()
        self._since_loud = 0

    def keeps_open(self, level_db: float, voiced: bool) -> bool:
        """Take a window of a turn; return whether it is the speaker's voice.

        Args:
            level_db: Its level in dBFS.
            voiced: Whether it sounds like speech.
        """
        self._room.heard(level_db)
        self._since_loud += 1
        if not voiced:
            return False
        self._follow(level_db)
        if not self._is_other(level_db):
            self._since_loud = 0
            self._others = False
            return True
        self._others = self._since_loud > SOFT_WINDOWS
        return not self._others

    @property
    def silent_windows(self) -> int:
        """Windows for which the speaker is known to be silent, whatever else is heard."""
        if self._others:
            return self._since_loud
        if self._level_db is None or self._room.level_db < self._level_db - LOUD_ROOM_DB:
            return 0
        return max(0, self._since_loud - HEARD_SOFT_WINDOWS)

    def ended(self) -> None:
        """The turn is over: who was heard behind it, and still speaks, does not begin the next."""
        if not self._others:
            self._forget()
        self._quiet = self._since_loud = 0
        self._louder.clear()

    def _is_other(self, level_db: float) -> bool:
        level = self._level_db
        if level is None or level_db >= level - BELOW_DB:
            return False
        return self._room.level_db >= level - ROOM_DB

    def _follow(self, level_db: float) -> None:
        """Rise with what stays louder, and fall slowly."""
        level = self._level_db
        self._louder = [*self._louder[1 - LOUD_WINDOWS :], level_db]
        if len(self._louder) < LOUD_WINDOWS:
            return
        lasting = min(self._louder)
        if level is None or lasting > level:
            self._level_db = lasting
        elif level_db >= level - BELOW_DB:
            self._level_db = level - FALL_DB
