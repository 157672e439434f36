"""What the voices say, and what of it makes a listener stop, wait or answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from benchmarks.listen.sound import Samples, count, joined, length_ms, silence
from benchmarks.listen.voices import Language, Split, Voice, spread, voices

BACK_CHANNELS: dict[Language, tuple[str, ...]] = {
    "en": ("uh-huh", "mm-hmm", "yeah", "okay", "right", "I see", "sure", "oh", "mhm", "wow"),
    "zh": ("嗯。", "对。", "好的。", "是的。", "哦。", "嗯嗯。"),
}
"""What says no more than that somebody listens."""

COMMANDS: dict[Language, tuple[str, ...]] = {
    "en": ("Stop.", "No.", "Wait.", "Stop, please."),
    "zh": ("停。", "等一下。"),
}
"""What stops whoever is speaking, short as it is."""

INTERRUPTIONS: dict[Language, tuple[str, ...]] = {
    "en": (
        "Hold on, I have a question about that.",
        "Sorry, that is not what I asked for.",
        "Actually, tell me about the weather instead.",
        "What did you just say about the second one?",
        "Can you say that again a little slower?",
        "Okay, but how much does it cost?",
        "Yeah, but I meant the other one.",
        "I think we should talk about something else.",
    ),
    "zh": ("不是这个，我想问别的事情。", "你刚才说的是什么意思？"),
}

COMPLETE = (
    "I would like to book a table for two people.",
    "What is the weather like in London?",
    "Please set a timer for ten minutes.",
    "Turn off the lights in the kitchen.",
    "I am calling about my bill.",
    "My name is Peter and I live in Berlin.",
    "Can you tell me a story about the sea?",
    "How long does it take to get there?",
    "That is all I wanted to know.",
    "I need to change my flight to Friday.",
)
UNFINISHED = (
    "I would like to book a table for",
    "What is the weather like in",
    "Please set a timer for",
    "Turn off the lights in the",
    "The reason I am calling is because",
    "So what I wanted to say is that",
    "Can you tell me a story about the",
    "I need to go to the shop and",
    "Well, I think that maybe",
    "We could meet at the station, but",
)
WORDS = ("Yes.", "No.", "Hello.", "Thanks.", "Tomorrow.", "Seven.", "Berlin.", "Maybe.")
"""A whole turn each."""

NUMBERS = (
    ("my number is four one five", "five five five", "zero one nine two"),
    ("it is zero three zero", "seven seven one", "two eight", "four six"),
    ("that's M A R", "T I N", "E Z"),
    ("the code is A B", "four four", "K nine"),
)
"""Numbers and spellings, read in groups with a pause between them."""

STORY = (
    "There was once a small town by the sea, and every morning the boats went out before the sun "
    "was up. An old man sat by the harbour and counted them. He knew each of them by name, and "
    "he knew who had built it, and when. One day a boat came back that he had never seen before. "
    "It was painted green, and nobody stood at the wheel. He walked down to the water, tied it to "
    "the wall, and looked inside. There was a lamp, still warm, a map of islands that no one had "
    "heard of, and a letter with his own name written on it. He put on his glasses and read it "
    "twice. Then he went home, packed a bag with bread and apples, and told his sister to feed the "
    "cat. When the tide turned, the green boat left the harbour again, and he was at the wheel."
)
"""What the server says while somebody talks over it."""


@dataclass(frozen=True)
class Line:
    """Something that is said: the sound, and its words with the moment each group ends."""

    text: str
    samples: Samples
    speaker: str
    language: Language = "en"
    words: tuple[tuple[str, float], ...] = field(default=())
    """Words → milliseconds from the beginning of the sound to the end of each."""

    @property
    def ms(self) -> float:
        """Duration in milliseconds."""
        return length_ms(self.samples)


def line(voice: Voice, text: str) -> Line:
    """Let a voice say a text; its words are taken to be as long as their letters."""
    samples = voice.say(text)
    return Line(text, samples, str(voice), voice.language, _word_ends(text, 0, length_ms(samples)))


def grouped(voice: Voice, groups: tuple[str, ...], pause_ms: float) -> Line:
    """Let a voice say groups of words with pauses between them, as numbers are read out."""
    parts: list[Samples] = []
    words: list[tuple[str, float]] = []
    at = 0.0
    for group in groups:
        if parts:
            parts.append(silence(pause_ms))
            at += pause_ms
        said = voice.say(group)
        parts.append(said)
        words += _word_ends(group, at, length_ms(said))
        at += length_ms(said)
    return Line(" ".join(groups), joined(*parts), str(voice), voice.language, tuple(words))


def cut_off(voice: Voice, text: str) -> Line:
    """Let a voice stop in the middle of a sentence, on the way to its next word.

    A synthesiser lets the last word of a text fall as at the end of a sentence. So more is said,
    and cut off where it is softest near the end of the text.
    """
    whole = voice.say(f"{text} seventeen more")
    share = len(text) / len(f"{text} seventeen more")
    middle = int(len(whole) * share)
    reach, frame = count(160), count(20)
    starts = range(max(0, middle - reach), min(len(whole) - frame, middle + reach), frame // 2)
    quietest = min(starts, key=lambda at: float(np.mean(whole[at : at + frame] ** 2)))
    samples = whole[: quietest + frame // 2].copy()
    fade = count(8)
    samples[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return Line(text, samples, str(voice), "en", _word_ends(text, 0, length_ms(samples)))


def lines(split: Split, texts: dict[Language, tuple[str, ...]], number: int) -> list[Line]:
    """Return so many lines of a half: every text in turn, each by the next voice."""
    pairs = list(_pairs(split, texts))
    order = spread(split, 7).permutation(len(pairs))
    return [line(*pairs[at]) for at in order[:number]]


def _pairs(split: Split, texts: dict[Language, tuple[str, ...]]) -> Iterator[tuple[Voice, str]]:
    for language, said in texts.items():
        for voice in voices(split, language):
            for text in said:
                yield voice, text


def by_turns(split: Split, texts: tuple[str, ...], number: int) -> Iterator[tuple[Voice, str]]:
    """Yield so many English texts, each with the voice whose turn it is."""
    speaking = voices(split)
    for at in range(number):
        yield speaking[(at + at // len(texts)) % len(speaking)], texts[at % len(texts)]


def _word_ends(text: str, start_ms: float, ms: float) -> tuple[tuple[str, float], ...]:
    words = text.split() if text.isascii() else [text]
    letters = sum(map(len, words)) or 1
    ends, said = [], 0
    for word in words:
        said += len(word)
        ends.append((word, start_ms + ms * said / letters))
    return tuple(ends)
