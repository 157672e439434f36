"""Takes what the loudspeaker plays out of what the microphone hears, by WebRTC's AEC3.

Without it, hands-free from a loudspeaker, the assistant hears and interrupts itself. The canceller
has to know what was played, and when: so it is told by the player, block by block, and looks up
what was in the air when a block of the microphone began. What is left, the way through the room and
the devices, up to some 400 ms, it finds by itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE
from clients.terminal.sources import AudioSource
from clients.terminal.timeline import Timeline

LIBRARY = "pywebrtc_audio"
LEAD_S = 0.02
"""Seconds by which what was played is given early. The echo must not seem to come before its
sound, and devices do not know their latency to the millisecond."""
HICCUP = 0.05
"""Share of a new block in the average of what is lacking: some 20 blocks count."""
LATEST_FRAMES = 10
"""The most frames of 10 ms by which that average may move what was played at once."""
REMEMBERED_S = 3.0
"""Seconds of what was played that are kept."""


def can_cancel() -> bool:
    """Whether the library is installed."""
    return find_spec(LIBRARY) is not None


class EchoCanceller:
    """Hears what is played, and cleans what is recorded.

    The player's thread calls `played` and `stopped`, and one thread at a time the others.
    """

    def __init__(self, rate: int = WIRE_RATE) -> None:
        """Prepare for PCM at `rate` Hz.

        Raises:
            ImportError: The library is missing (`can_cancel`).
        """
        from pywebrtc_audio import AudioProcessor

        self._processor = AudioProcessor(sample_rate=rate, echo_cancellation=True)
        self._frame = rate // 100
        self._lead = round(LEAD_S * rate)
        self._lacking = 0.0  # samples that were asked for before they were told, on average
        self._near, self._rest = Timeline(rate), b""
        self._lock = threading.Lock()  # guards what was played
        self._far = Timeline(rate)
        self._sound = np.zeros(round(REMEMBERED_S * rate), dtype="<i2")
        self._end = 0
        """Position behind the last sample in `_sound`, a ring."""

    def played(self, pcm: bytes, at: float) -> None:
        """Note what the loudspeaker plays, silence too.

        Args:
            pcm: One block.
            at: When its first sound leaves the device, by `time.perf_counter`.
        """
        block = np.frombuffer(pcm, dtype="<i2")
        with self._lock:
            start = self._far.place(len(block), at)
            self._keep(start, block)

    def stopped(self, at: float) -> None:
        """Note that the loudspeaker has fallen silent, at `at`; what is later was not heard."""
        with self._lock:
            self._end = min(self._end, self._far.at(at))
            self._far.break_off()

    def begin(self) -> None:
        """Begin a recording. What is known of the room is kept."""
        self._near.break_off()
        self._rest = b""

    def clean(self, pcm: bytes, at: float) -> bytes:
        """Return a block of the microphone without the loudspeaker, in whole frames of 10 ms.

        Args:
            pcm: One block; what is no whole frame is held back.
            at: When its first sample was recorded, by `time.perf_counter`.
        """
        start = self._near.place(len(pcm) // BYTES_PER_SAMPLE, at)
        start -= len(self._rest) // BYTES_PER_SAMPLE
        heard = self._rest + pcm
        whole = len(heard) - len(heard) % (self._frame * BYTES_PER_SAMPLE)
        heard, self._rest = heard[:whole], heard[whole:]
        if not heard:
            return b""
        near = np.frombuffer(heard, dtype="<i2")
        far = self._recall(start, len(near))
        cleaned: bytes = self._processor.process(near, far).astype("<i2").tobytes()
        return cleaned

    def _keep(self, start: int, block: NDArray[np.int16]) -> None:
        size = len(self._sound)
        # A gap was silence, and a block that overlaps the one before replaces its end.
        silent = np.arange(max(self._end, start - size), start)
        self._sound[silent % size] = 0
        first = max(0, len(block) - size)
        places = np.arange(start + first, start + len(block)) % size
        self._sound[places] = block[first:]
        self._end = start + len(block)

    def _recall(self, start: int, samples: int) -> NDArray[np.int16]:
        recalled = np.zeros(samples, dtype=np.int16)
        with self._lock:
            start += self._lead
            if self._far.running:
                # A device that is told its sound later than it says: what has not been told cannot
                # have been heard either, so it is given later. Once or twice is only a hiccup.
                lacking = max(0, start + samples - self._end)
                self._lacking += (lacking - self._lacking) * HICCUP
                if self._lacking > self._frame / 2:
                    late = min(lacking, self._frame * LATEST_FRAMES)
                    self._lead, self._lacking = self._lead - late, 0.0
                    start -= late
            first = max(start, self._end - len(self._sound))
            last = min(start + samples, self._end)
            if first < last:
                places = np.arange(first, last) % len(self._sound)
                recalled[first - start : last - start] = self._sound[places]
        return recalled


class EchoFree:
    """A microphone that does not hear the loudspeaker."""

    is_file: ClassVar[bool] = False
    cancels_echo: ClassVar[bool] = True

    def __init__(
        self,
        microphone: AudioSource,
        canceller: EchoCanceller,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Clean what `microphone` records."""
        self._microphone, self._canceller, self._clock = microphone, canceller, clock

    def start(self, on_audio: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        """Record until `stop`, on the microphone's thread.

        Raises:
            NoSound: The microphone cannot be opened.
        """
        self._canceller.begin()

        def on_heard(pcm: bytes) -> None:
            began = self._clock() - len(pcm) / BYTES_PER_SAMPLE / WIRE_RATE
            if cleaned := self._canceller.clean(pcm, began):
                on_audio(cleaned)

        self._microphone.start(on_heard, on_end)

    def stop(self) -> None:
        """Stop and release the device."""
        self._microphone.stop()
