"""Which turns of the user a model that hears is given as audio (`llm.audio_input`).

What is to be answered it hears, behind the assistant's last words; what was answered before it
reads by its transcript, which is shorter. It hears that, too, where there is no transcript (yet):
nothing waits for the recogniser. A turn that is known to have no words is not answered (§B.3), so
it is not heard either; a client that asks for the response itself has everything heard, birds and
engines too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audio.clip import Clip
from audio.noise_reduction import NoiseReduction
from session.content import InputImage, UserAudio
from session.items import AssistantMessage, Item, UserMessage
from session.reading_order import Readable, ToolExchange


@dataclass(frozen=True, slots=True)
class HeardMessage:
    """A message of the user whose audio the model hears."""

    message: UserMessage
    clip: Clip
    """That audio, as it is now."""

    @property
    def text(self) -> str:
        """What the model reads beside it, for counting tokens."""
        parts = (part.text for part in self.message.content if not isinstance(part, UserAudio))
        return "\n".join(filter(None, parts))

    @property
    def audio(self) -> UserAudio | None:
        """The audio, for counting tokens."""
        return self.message.audio

    @property
    def images(self) -> list[InputImage]:
        """The images beside it."""
        return self.message.images


def is_silent(item: Item) -> bool:
    """Return whether nothing was said in a turn, by its transcript."""
    audio = item.audio
    return isinstance(audio, UserAudio) and audio.state == "done" and not item.text


def can_be_heard(item: Item) -> bool:
    """Return whether a model that hears can be given the audio of an item."""
    return isinstance(item.audio, UserAudio) and item.audio.can_be_heard


def with_audio(
    read: Sequence[Readable], noise: NoiseReduction | None, *, detected: bool
) -> list[Readable | HeardMessage]:
    """Return what a model reads with what it hears.

    Args:
        read: The conversation in reading order.
        noise: The noise reduction of the audio; None: none.
        detected: Whether it is to answer turns that were detected, and not what a client asks.
    """
    first = _first_unanswered(read)
    return [
        HeardMessage(item, _clip(item.audio, noise))
        if isinstance(item, UserMessage)
        and item.audio is not None
        and item.audio.can_be_heard
        and _is_heard(item, new=place >= first, detected=detected)
        else item
        for place, item in enumerate(read)
    ]


def _is_heard(item: UserMessage, *, new: bool, detected: bool) -> bool:
    if is_silent(item):
        return new and not detected
    return new or not (item.audio and item.audio.text)


def _first_unanswered(read: Sequence[Readable]) -> int:
    """Return where the user's turns begin that are not answered yet.

    What the assistant says before it calls a tool is no answer.
    """
    calls = False
    for place in reversed(range(len(read))):
        item = read[place]
        if isinstance(item, AssistantMessage) and item.text.strip() and not calls:
            return place
        calls = isinstance(item, ToolExchange)
    return 0


def _clip(audio: UserAudio, noise: NoiseReduction | None) -> Clip:
    return Clip(bytes(audio.data), audio.format, noise)
