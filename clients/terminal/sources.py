"""Audio sources of questions: the microphone, or a file in its place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar, Protocol

from audio.devices import NoSound, SoundCallback, SoundStream, open_sound
from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE
from settings.localisation import _

BLOCK_S = 0.02
BLOCK_BYTES = round(BLOCK_S * WIRE_RATE) * BYTES_PER_SAMPLE


class AudioSource(Protocol):
    """A source of PCM at `WIRE_RATE`, in real time."""

    @property
    def is_file(self) -> bool:
        """Whether it is a file, which starts from its beginning each time."""

    @property
    def cancels_echo(self) -> bool:
        """Whether what the loudspeaker plays is taken out of it."""

    def start(self, on_audio: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        """Call `on_audio` with PCM until `stop`, perhaps on another thread.

        A source that has an end calls `on_end` there, on the event loop; silence follows.

        Raises:
            NoSound: It cannot be opened; the message names the remedy.
        """

    def stop(self) -> None:
        """Stop and release the device."""


class Microphone:
    """Records from an input device."""

    is_file: ClassVar[bool] = False
    cancels_echo: ClassVar[bool] = False

    def __init__(self, open_device: Callable[[SoundCallback], SoundStream] | None = None) -> None:
        """Build a microphone; the device is opened by `start`.

        Args:
            open_device: Opens a device that calls the given callback; None: the default one.
        """
        self._open = open_device or (lambda callback: open_sound("input", callback, WIRE_RATE))
        self._stream: SoundStream | None = None

    def start(self, on_audio: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        """Record until `stop`; `on_audio` is called on a thread of the sound card."""
        self._stream = self._open(lambda pcm, *_: on_audio(bytes(pcm)))
        try:
            self._stream.start()
        except Exception as error:  # PortAudio's own type exists only where PortAudio does
            self.stop()
            reason = _("Cannot record: {reason}.").format(reason=error)
            raise NoSound(reason, _("Check the input device.")) from error

    def stop(self) -> None:
        """Stop and release the device."""
        if self._stream is not None:
            self._stream.abort()
            self._stream.close()
            self._stream = None


class SpokenFile:
    """Plays a recording at the pace of a microphone, followed by silence."""

    is_file: ClassVar[bool] = True
    cancels_echo: ClassVar[bool] = False

    def __init__(self, pcm: bytes) -> None:
        """Prepare to play PCM at `WIRE_RATE`."""
        self._pcm = pcm
        self._speaking: asyncio.Task[None] | None = None

    def start(self, on_audio: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        """Play from the beginning, on the running event loop."""
        self._speaking = asyncio.create_task(self._speak(on_audio, on_end))

    def stop(self) -> None:
        """Stop."""
        if self._speaking is not None:
            self._speaking.cancel()
            self._speaking = None

    async def _speak(self, on_audio: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        clock = asyncio.get_running_loop().time
        started, said = clock(), 0
        while True:
            block = self._pcm[said * BLOCK_BYTES : (said + 1) * BLOCK_BYTES]
            said += 1
            await asyncio.sleep(started + said * BLOCK_S - clock())
            on_audio(block.ljust(BLOCK_BYTES, b"\x00"))
            if said == -(-len(self._pcm) // BLOCK_BYTES):
                on_end()
