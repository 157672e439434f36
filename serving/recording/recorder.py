"""Records the sessions of a server, one thread of the process for all of them.

Sessions note what passes, in memory and within bounds; every two seconds the thread writes it. What
cannot be written ends the recording, with one line in the log, and never the session.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from loguru import logger

from audio.formats import AudioFormat
from config import VERSION, Settings
from serving.admission import Admitted
from serving.recording.folder import prepare, tidy
from serving.recording.hiding import KnownKeys
from serving.recording.notes import About, Backlog, Note
from serving.recording.session_file import SessionFile, TooLarge, TooSlow
from serving.recording.session_tap import SessionTap
from serving.recording.tracks import load_library
from settings.masks import is_word
from telemetry.metrics import Metrics
from translation.settings import TranslationSettings

TICK_S = 2.0
"""Seconds between two writings: what a process that is killed loses."""
TIDY_S = 60.0
"""Seconds between two looks at the folder's size."""
MOST_PENDING = 64 * 1024 * 1024
"""Bytes that may wait for the disk, of all sessions together."""
_DAY_S = 86_400


@dataclass(eq=False, slots=True)
class _Recording:
    """A session that is recorded."""

    about: About
    tap: SessionTap
    file: SessionFile | None = None
    """None: nothing is written yet."""


class Recorder:
    """Records every session of a server."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        """Make the folder.

        Args:
            settings: The configuration; `recording.dir` is set.
            metrics: Counts recordings.

        Raises:
            ConfigError: Nothing can be written there.
        """
        config = settings.recording
        assert config.dir is not None
        prepare(config.dir)
        self._folder: Path = config.dir
        self._config = config
        self._metrics = metrics
        # A key that is a word, as local servers are given one, may be in any sentence.
        self._keys = KnownKeys(key for key in settings.key_texts() if not is_word(key))
        self._new: deque[_Recording] = deque()
        self._open: list[_Recording] = []
        """Those that are written; the thread's alone."""
        self._backlog = Backlog(MOST_PENDING)
        self._wake = threading.Event()
        self._stopping = False
        self._full = False
        """Whether the folder has no room for another recording; the thread's alone."""
        self._tidy_at = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write what is noted while the block runs; sessions are to end before it does."""
        thread = threading.Thread(target=self._write_all, name="recorder", daemon=True)
        thread.start()
        what = "the course of every session" if self._config.redact else "all that is said"
        logger.bind(event="recorder.on", folder=str(self._folder)).warning(
            f"Recording: {what} is written into {self._folder} (recording.dir)"
        )
        try:
            yield
        finally:
            self._stopping = True
            self._wake.set()
            await asyncio.to_thread(thread.join)

    def listen(self, admitted: Admitted) -> SessionTap:
        """Begin to record a session (`serving.listening.Listener`)."""
        config = admitted.config
        translates = isinstance(config, TranslationSettings)
        began, now = time.time(), time.monotonic()
        header = {
            "session": config.id,
            "began": datetime.fromtimestamp(began, UTC).isoformat(timespec="milliseconds"),
            "server": VERSION,
            "dialect": "translation" if translates else "beta" if admitted.beta else "ga",
            "kind": "translation" if isinstance(config, TranslationSettings) else config.kind,
            "media": config.media.value,
            "model": admitted.label,
            "stack": admitted.stack.name,
            "stages": admitted.stack.pipelines.describe(),
            "redacted": self._config.redact,
        }
        input_format = (
            AudioFormat() if isinstance(config, TranslationSettings) else config.input_format
        )
        tap = SessionTap(now, admitted.dialect(), config.media, self._backlog)
        self._new.append(_Recording(About(config.id, began, header, input_format), tap))
        self._wake.set()
        return tap

    # --- in the thread ------------------------------------------------------------------------

    def _write_all(self) -> None:
        load_library()
        while True:
            stopping = self._stopping
            self._tidy()
            while self._new:
                self._open.append(self._new.popleft())
            self._open = [one for one in self._open if self._goes_on(one, last=stopping)]
            if stopping:
                return
            self._wake.wait(TICK_S if self._open else TIDY_S)
            self._wake.clear()

    def _goes_on(self, one: _Recording, *, last: bool) -> bool:
        """Write what was noted; returns whether the recording goes on."""
        notes = self._taken(one.tap)
        try:
            if one.file is None:
                one.file = self._begun(one.about)
            if one.file.take(notes):
                if last:
                    one.file.give_up("the server has stopped")
                return not last
        # A bug must not end the recordings of the other sessions, nor this session.
        except Exception as error:
            self._give_up(one, error)
            return False
        self._metrics.recordings.labels("complete").inc()
        return False

    def _taken(self, tap: SessionTap) -> list[Note]:
        # What comes meanwhile is for the next time.
        taken = [tap.notes.popleft() for _ in range(len(tap.notes))]
        self._backlog.taken += sum(size for size, _note in taken)
        return [note for _size, note in taken]

    def _begun(self, about: About) -> SessionFile:
        if self._full:
            raise TooLarge(
                f"the recordings of open sessions take {self._config.keep_mib:g} MiB "
                "(recording.keep_mib)"
            )
        return SessionFile(
            self._folder,
            about,
            self._keys,
            redact=self._config.redact,
            form=self._config.audio,
            most_bytes=self._config.max_mib * 2**20,
        )

    def _give_up(self, one: _Recording, error: Exception) -> None:
        one.tap.stopped = True
        self._taken(one.tap)
        why = str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        if one.file is not None:
            one.file.give_up(why)
        outcome: Literal["too_large", "too_slow", "failed"] = "failed"
        if isinstance(error, TooLarge):
            outcome = "too_large"
        elif isinstance(error, TooSlow):
            outcome = "too_slow"
        self._metrics.recordings.labels(outcome).inc()
        session_id = one.about.session_id
        logger.bind(event="session.unrecorded", session_id=session_id, outcome=outcome).warning(
            f"{session_id} is not recorded any further: {why}. The session goes on."
        )

    def _tidy(self) -> None:
        now = time.monotonic()
        if now < self._tidy_at:
            return
        self._tidy_at = now + TIDY_S
        oldest = time.time() - self._config.keep_days * _DAY_S
        most = self._config.keep_mib * 2**20
        self._full = tidy(self._folder, oldest, most) > most
