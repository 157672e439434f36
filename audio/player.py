"""Plays PCM that arrives faster than real time, and can be stopped at once for barge-in."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from audio.devices import NoSound, SoundCallback, SoundStream, open_sound
from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE

LONGEST_DELAY_S = 1.0
"""Seconds that a device may say it needs; more is a clock that means something else."""


class Listener(Protocol):
    """Is told on the device's thread what is played, and when by the player's clock."""

    def played(self, pcm: bytes, at: float) -> None:
        """A block, silence too, leaves the device from `at` on."""

    def stopped(self, at: float) -> None:
        """Playback stopped at `at`; what was to leave later is not heard."""


class AudioPlayerAsync:
    """Plays PCM at `WIRE_RATE` as it arrives, without gaps, and counts the played samples.

    Any thread may call any method; the sound card takes its samples on a thread of its own. Audio
    belongs to conversation items. Items follow each other without a gap, and the count of played
    samples starts at 0 for each.

    A sample counts as played when it leaves the device, which is a queue as long as its latency;
    samples that are still in it when playback stops are never heard.
    """

    def __init__(
        self,
        stream_factory: Callable[[SoundCallback], SoundStream] | None = None,
        on_handed: Callable[[bytes], None] | None = None,
        listeners: Sequence[Listener] = (),
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Build a player; the device is opened by the first `start` or `add_data`.

        Args:
            stream_factory: Opens a device that calls the given callback; None: the default one.
            on_handed: Called with all audio that goes to the device, on the device's thread.
            listeners: Are told what is played, and when.
            clock: Tells the time that listeners are told, in seconds.
        """
        self._listeners, self._clock = listeners, clock
        self._open = stream_factory or (lambda callback: open_sound("output", callback, WIRE_RATE))
        self._on_handed = on_handed
        self._control = threading.RLock()  # guards the stream; held while PortAudio is called
        self._lock = threading.Lock()  # guards what the callback touches; never held for long
        self._stream: SoundStream | None = None
        self._running = False
        self._queue: deque[tuple[str, bytearray]] = deque()
        self._pending: deque[tuple[str, int]] = deque()
        """Runs of samples in the device, oldest first: item id ("" is silence) and their number."""
        self._delay = 0
        self._item_id = ""
        self._played = 0

    @property
    def item_id(self) -> str:
        """Id of the item that plays, or of the last one that did."""
        with self._lock:
            return self._item_id

    @property
    def played_samples(self) -> int:
        """Samples of the current item that were heard."""
        with self._lock:
            return self._played

    @property
    def played_ms(self) -> float:
        """`played_samples` in milliseconds."""
        return self.played_samples / WIRE_RATE * 1000

    @property
    def waiting_samples(self) -> int:
        """Samples that were added and not yet heard."""
        with self._lock:
            queued = sum(len(pcm) // BYTES_PER_SAMPLE for _, pcm in self._queue)
            return queued + sum(samples for item_id, samples in self._pending if item_id)

    def start(self) -> None:
        """Start playback; opens the device if necessary.

        Raises:
            NoSound: There is no sound output; the message names the remedy.
        """
        with self._control:
            if self._stream is None:
                self._stream = self._open(self._fill)
                self._delay = round(self._stream.latency * WIRE_RATE)
            if not self._running:
                try:
                    self._stream.start()
                except Exception as error:  # PortAudio's own type exists only where PortAudio does
                    raise NoSound(f"Cannot play: {error}.", "Check the output device.") from error
                self._running = True

    def add_data(self, pcm: bytes, item_id: str = "audio") -> None:
        """Append PCM of an item and start playback; half a sample at the end waits for the rest."""
        with self._lock:
            if self._queue and self._queue[-1][0] == item_id:
                self._queue[-1][1].extend(pcm)
            else:
                self._queue.append((item_id, bytearray(pcm)))
                if len(self._queue) == 1 and not any(name for name, _ in self._pending):
                    self._enter(item_id)
        self.start()

    def stop(self) -> None:
        """Stop playback at once and drop what was not played; the counts stay."""
        with self._control:
            with self._lock:
                self._queue.clear()
            if self._stream is not None and self._running:
                self._stream.abort()
                self._running = False
                for listener in self._listeners:
                    listener.stopped(self._clock())
            with self._lock:
                self._pending.clear()

    def close(self) -> None:
        """Stop and release the device."""
        with self._control:
            self.stop()
            if self._stream is not None:
                self._stream.close()
                self._stream = None

    def _enter(self, item_id: str) -> None:
        if item_id != self._item_id:
            self._item_id, self._played = item_id, 0

    def _fill(self, out: Any, samples: int, times: Any, _status: Any) -> None:
        """Hand the device its next block, with silence where there is no audio."""
        now = self._clock()
        missing = samples * BYTES_PER_SAMPLE
        block = bytearray()
        with self._lock:
            heard_at = now + self._device_delay(times)
            while self._queue and missing:
                item_id, pcm = self._queue[0]
                take = min(missing, len(pcm) - len(pcm) % BYTES_PER_SAMPLE)
                if not take and len(self._queue) == 1:
                    break  # half a sample: the rest is still to come
                block += pcm[:take]
                del pcm[:take]
                missing -= take
                self._pending.append((item_id, take // BYTES_PER_SAMPLE))
                if len(pcm) < BYTES_PER_SAMPLE and (not pcm or len(self._queue) > 1):
                    self._queue.popleft()
            self._pending.append(("", missing // BYTES_PER_SAMPLE))
            self._count_heard()
        whole = bytes(block) + bytes(missing)
        out[:] = whole
        for listener in self._listeners:
            listener.played(whole, heard_at)
        if self._on_handed is not None and block:
            self._on_handed(bytes(block))

    def _device_delay(self, times: Any) -> float:
        """Return the seconds until a block that is handed over now is heard."""
        told = times.outputBufferDacTime - times.currentTime if times is not None else 0.0
        if 0 < told < LONGEST_DELAY_S:
            return float(told)
        # Not every system tells. When playback starts, the device's queue is still empty.
        return sum(samples for _, samples in self._pending) / WIRE_RATE

    def _count_heard(self) -> None:
        """Count the samples that have left the device: all but the last `_delay`."""
        heard = sum(samples for _, samples in self._pending) - self._delay
        while self._pending and heard >= 0:
            item_id, samples = self._pending.popleft()
            out = min(samples, heard)
            heard -= out
            if item_id:
                self._enter(item_id)
                self._played += out
            if out < samples:
                self._pending.appendleft((item_id, samples - out))
                break
