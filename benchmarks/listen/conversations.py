"""Turns that wait for their answer, files in one append, and what of an answer was heard."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.listen.caller import CREATED, DONE, STOPPED, Caller, calling
from benchmarks.listen.phrases import COMPLETE, STORY, by_turns, line
from benchmarks.listen.row import Row, least, number
from benchmarks.listen.server_side.word_tts import TELLING, word_times
from benchmarks.listen.servers import at_once
from benchmarks.listen.sound import Samples, joined, room_tone
from benchmarks.listen.voices import SEEDS, Split

LATER = 3
"""Turns that end during one response."""
IN_FILE = 6
_LONG = (
    "Well. This takes a while. Nobody may interrupt it. It has many short sentences. Each of them "
    "comes late. So there is time. Time for others. They all wait. Then it ends."
)
PRICES = (
    "The first one costs 1,250 dollars and the second 399, so together that is 1,649 dollars for "
    "both. They were made in 1987 and 2004, weigh 12.5 and 48 kilos, and are 75% sold. Call 555 "
    "0192 before 7:30 to get 20% off, or come to 221 Baker Street on May 3rd, when all of the 36 "
    "that are left cost $99 each."
)
CUTS = 12
"""Of one answer, from its end to its beginning."""
SPEEDS = (1.0, 0.75, 1.25)


def _spoken(split: Split, count: int, gap_ms: float) -> list[Samples]:
    return [
        joined(line(voice, text).samples, room_tone(gap_ms, at))
        for at, (voice, text) in enumerate(by_turns(split, COMPLETE, count))
    ]


async def _queued(url: str, said: list[Samples]) -> int:
    """Return how many of the turns that ended during a response are answered behind it."""
    detection = {"type": "server_vad", "interrupt_response": False}
    script = {"always": "What do you think of that?"}
    async with calling(url, detection, script=script, stops=False) as caller:
        await caller.answer(_LONG, word_ms=500)
        for sound in said:
            _begin, end = caller.say(sound)
            await caller.until(lambda end=end: caller.now_ms >= end)  # type: ignore[misc]
        assert not caller.since(0, DONE), "the response was too short for the turns in it"
        await caller.until(lambda: caller.since(0, DONE))
        await caller.until(lambda: len(caller.since(0, DONE)) > len(said), 6000)
        return len(caller.since(0, DONE)) - 1


def queued(url: str, split: Split) -> list[Row]:
    """Count the answers to turns that end during one response."""
    found = at_once([partial(_queued, url, _spoken(split, LATER, 700)) for _ in range(2)], 2)
    name = f"of {LATER} turns that end during a response, those answered"
    return [
        least("5 turns that wait", name, 100, (at < one for one in found for at in range(LATER)))
    ]


@dataclass(frozen=True)
class _Filed:
    turns: int
    answered: int
    cancelled: int


async def _filed(url: str, sound: Samples) -> _Filed:
    script = {"always": "What do you think of that?"}
    async with calling(url, {"type": "server_vad"}, script=script, live=False) as caller:
        await caller.pour(sound, 60_000)
        await caller.settled(3.0)
        states = [one.data["response"]["status"] for one in caller.since(0, DONE)]
        unfinished = len(caller.since(0, CREATED)) - len(states)
        assert unfinished <= 0, f"{unfinished} responses have not ended"
        turns = len(caller.since(0, STOPPED))
        return _Filed(turns, states.count("completed"), states.count("cancelled"))


def filed(url: str, split: Split) -> list[Row]:
    """Append a file with six turns at once."""
    sound = joined(room_tone(500, 9), *_spoken(split, IN_FILE, 1200))
    (found,) = at_once([partial(_filed, url, sound)], 1)
    point = "8 files"
    return [
        least(
            point,
            f"of {IN_FILE} turns in one append, those found",
            100,
            (at < found.turns for at in range(IN_FILE)),
        ),
        number(point, "responses to it that are begun in vain", 0, [found.cancelled]),
        least(point, "files that get an answer", 100, [found.answered > 0]),
    ]


async def _read_back(caller: Caller) -> list[str]:
    """Return the words that the model knows of its last message."""
    response = {
        "instructions": json.dumps({"read_back": True}),
        "output_modalities": ["text"],
        "conversation": "none",
    }
    done = await caller.ask("response.create", DONE, response=response)
    (item,) = done.data["response"]["output"]
    return str(item["content"][0]["text"]).split()


async def _heard_words(
    url: str, text: str, speed: float, seed: int, tells: bool = False
) -> list[int]:
    """Return by how many words the model's message is wrong, for each cut."""
    times = await word_times(text)
    words = text.split()
    chance = random.Random(seed)
    total_ms = times[-1][1] / speed
    cuts = sorted((chance.uniform(800, total_ms - 100) for _ in range(CUTS)), reverse=True)
    wrong = []
    async with calling(url, None, live=False, speed=speed) as caller:
        told_text: dict[str, Any] = {"instructions": json.dumps({"say": text})}
        if tells:
            told_text["audio"] = {"output": {"voice": TELLING}}
        done = await caller.ask("response.create", DONE, response=told_text)
        item_id = done.data["response"]["output"][0]["id"]
        for cut in cuts:
            await caller.send(
                "conversation.item.truncate",
                item_id=item_id,
                content_index=0,
                audio_end_ms=int(cut),
            )
            told = await _read_back(caller)
            # A word is heard from its middle on.
            heard = sum((begin + end) / 2 / speed <= cut for begin, end in times)
            known = len(told) if told == words[: len(told)] or _cut(told, words) else -len(words)
            wrong.append(abs(known - heard))
    return wrong


def _cut(told: list[str], words: list[str]) -> bool:
    """Return whether these are the first words, the last of them in part."""
    return told[:-1] == words[: len(told) - 1] and words[len(told) - 1].startswith(told[-1])


def heard_words(url: str, split: Split, scale: float = 1.0) -> list[Row]:
    """Compare what the model knows to have been heard with what was heard.

    Args:
        url: A server whose voice speaks word by word.
        split: Which part of the texts, and which cuts.
        scale: Share of the texts.
    """
    words = STORY.split()
    start = 0 if split == "tuning" else len(words) % 60
    texts = [" ".join(words[at : at + 60]) for at in range(start, len(words) - 59, 60)]
    seed = SEEDS[split] + 700
    most = max(1, round(len(texts) * scale))
    rows = []
    for name, chosen, limit in (("sentences", texts[:most], 98), ("numbers", [PRICES], 95)):
        jobs = [
            partial(_heard_words, url, text, speed, seed + 10 * at + round(4 * speed) + again)
            for at, text in enumerate(chosen)
            for speed in SPEEDS
            for again in range(max(1, round(3 * scale)))
        ]
        found = at_once(jobs, 2)
        rows.append(
            least(
                "7 words heard",
                f"cuts of {name} at ± 1 word, speed .75 to 1.25",
                limit,
                (wrong <= 1 for cuts in found for wrong in cuts),
            )
        )
        jobs = [
            partial(_heard_words, url, text, speed, seed + at + round(4 * speed), tells=True)
            for at, text in enumerate(chosen)
            for speed in SPEEDS
        ]
        found = at_once(jobs, 2)
        rows.append(
            least(
                "7 words heard",
                f"the same of {name}, by a voice that times its words",
                limit,
                (wrong <= 1 for cuts in found for wrong in cuts),
            )
        )
    return rows
