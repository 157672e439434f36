"""The event that comes fifty times a second, read without a JSON parser once its shape is known.

A client writes all its `input_audio_buffer.append` alike: only the audio differs. What stands
around the audio in one that was read properly is remembered; a frame that begins and ends the same
way, with base64 in between, says the same with other audio. Anything else is read properly.
"""

from __future__ import annotations

from wire.long_strings import LONG, decode_base64


class AppendShape:
    """How one client writes its appends."""

    def __init__(self) -> None:
        self._before = self._behind = ""

    def read(self, raw: str) -> bytes | None:
        """Return the audio of a frame; None: it has to be read properly."""
        before, behind = self._before, self._behind
        if not before or len(raw) > LONG or not raw.startswith(before) or not raw.endswith(behind):
            return None
        try:
            # A quotation mark would end the string, and is no base64.
            return decode_base64(raw[len(before) : -len(behind)]) or None
        except ValueError:
            return None

    def learn(self, raw: str, audio: str) -> None:
        """Remember how a frame without an event id is written, whose audio is `audio`."""
        if len(raw) > LONG:
            # Looking through megabytes would keep everybody waiting.
            return
        before, _, behind = raw.partition(f'"{audio}"')
        # Audio that is escaped is not found, and what stands twice may be something else.
        if audio and behind and audio not in behind and audio not in before:
            self._before, self._behind = f'{before}"', f'"{behind}'
