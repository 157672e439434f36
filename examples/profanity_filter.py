"""Keeps rude words out of every answer: the voice does not say them, and nobody reads them.

    REALTIME_PROCESSORS__BEFORE_VOICE=examples.profanity_filter:ProfanityFilter python main.py

A Pipecat processor between the model and the voice. What passes there is text, clause by clause, so
a word is never split between two frames; what it is made into is what the voice says, what the
client reads and what the conversation remembers.
"""

from __future__ import annotations

import re

from pipecat.frames.frames import Frame, TextFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

RUDE = ("bloody", "crap", "damn", "goddamn", "hell")
INSTEAD = "bleep"
_WORD = re.compile(rf"\b({'|'.join(RUDE)})\b", re.IGNORECASE)


class ProfanityFilter(FrameProcessor):
    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TextFrame):
            frame.text = _WORD.sub(INSTEAD, frame.text)
        # Every frame goes on, also those that this class knows nothing of.
        await self.push_frame(frame, direction)
