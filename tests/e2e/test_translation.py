"""Translation sessions with spoken words: all of them, once, in order, by every way in."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from audio.pcm import duration_ms, read_wav, silence
from config import Settings
from hearing.word_errors import compare
from pipeline_manager import PipelineManager
from session.ports import ResponseRequest
from tests.support.dictation import Dictation
from tests.support.leftovers import Leftovers
from tests.support.places import DATA
from tests.support.running_server import running
from tests.support.translating import address, append, audio, close, echoing, text, update
from tests.support.wire_client import WireClient, client, speech

NAMES = ("flite-slt_s01", "flite-slt_s10", "flite-rms_s06")
SAID = (
    "hello how are you doing today",
    "thank you very much for your help",
    "turn off the lights in the living room",
)
"""What the recordings of those names say."""
CAPTIONS = {"transcription": {"model": "any"}}


def spoken(pause_ms: int) -> bytes:
    """The recordings, one behind the other."""
    words = [read_wav(DATA / f"{name}.wav") + silence(pause_ms) for name in NAMES]
    return silence(300) + b"".join(words)


class Manager(PipelineManager):
    """A pipeline manager that keeps what the model was asked."""

    def __init__(self, settings: Settings, dictation: Dictation | None = None) -> None:
        super().__init__(settings, stt=dictation)
        self.asked: list[ResponseRequest] = []

    def create_llm(self, request: ResponseRequest):
        self.asked.append(request)
        return super().create_llm(request)

    @property
    def clauses(self) -> list[str]:
        return [self.texts(request)[-1] for request in self.asked]

    def texts(self, request: ResponseRequest) -> list[str]:
        return [str(message["content"]) for message in request.messages]


async def in_real_time(wire: WireClient, pcm: bytes, faster: int = 4) -> None:
    """Append 100 ms at a time, as it is spoken."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for place, start in enumerate(range(0, len(pcm), 4800)):
        await append(wire, pcm[start : start + 4800])
        await asyncio.sleep(max(begun + (place + 1) * 0.1 / faster - loop.time(), 0))


@pytest.mark.parametrize("pause_ms", [350, 900])
async def test_a_real_recogniser_hears_every_word_once(pause_ms: int) -> None:
    """Whisper, which hears an utterance when it is over."""
    settings = echoing(stt={"provider": "embedded"})
    async with running(settings) as server, client(address(server)) as wire:
        await update(wire, input=CAPTIONS)
        await append(wire, spoken(pause_ms))
        await close(wire)
        heard = compare(" ".join(SAID), text(wire))
        assert heard.understood, (str(heard), text(wire))
        assert text(wire) == text(wire, "input")
        # Each recording has its pause behind it, so none waited for the next.
        assert duration_ms(audio(wire)) == pytest.approx(10 * len(text(wire)), rel=0.1)


LONG = (
    "Good morning, ladies and gentlemen. I am glad that so many of you came, because it rains",
    "we will speak about the river today and about the people who live there near the old stone "
    "bridge without any noise at all",
    "Thank you!",
)


@pytest.mark.parametrize("speculative", [True, False], ids=["guessing", "waiting"])
async def test_words_that_are_rewritten_come_once_and_clauses_before_the_end(
    speculative: bool,
) -> None:
    """A recogniser that writes while it hears, and misspells its last words until the next."""
    settings = echoing(vad={"speculative": speculative})
    dictation = Dictation(*LONG)
    manager = Manager(settings, dictation)
    async with running(settings, manager) as server, client(address(server)) as wire:
        await update(wire, input=CAPTIONS)
        # Three utterances with a pause behind each, the first two of them six seconds long.
        recording = read_wav(DATA / f"{NAMES[2]}.wav")[: 48 * 1500]
        for repeats in (4, 4, 1):
            await in_real_time(wire, recording * repeats + silence(600))
        await close(wire)
    said = " ".join(LONG).casefold()
    assert text(wire).casefold() == said
    assert text(wire, "input").casefold() == said
    assert " ".join(manager.clauses).casefold() == said
    assert manager.clauses[0].casefold() == "good morning, ladies and gentlemen."
    assert len(manager.clauses) > len(LONG)


async def test_clauses_know_those_before_and_their_translations() -> None:
    settings = echoing(llm={"text": "({user})"})
    manager = Manager(settings, Dictation("Who is she?", "She is my sister."))
    async with running(settings, manager) as server, client(address(server)) as wire:
        await update(wire, output={"language": "fr"})
        await append(wire, speech() + speech())
        await close(wire)
    first, second = manager.asked
    assert [message["role"] for message in second.messages] == ["user", "assistant", "user"]
    said, translated, asked = manager.texts(second)
    assert manager.texts(first) == [said]
    assert said.casefold() == "who is she?"
    assert translated == f"({said})"
    assert asked.casefold() == "she is my sister."
    assert "French" in second.instructions
    assert first.tools == []


async def test_who_speaks_faster_than_the_translation_is_caught_up_with_and_nothing_is_lost() -> (
    None
):
    """Each translation takes three times as long to say as what was said."""
    settings = echoing(tts={"ms_per_character": 800})
    async with running(settings) as server, client(address(server)) as wire:
        for _ in range(4):
            await append(wire, speech())
        await close(wire)
        assert text(wire) == " ".join(["hello there"] * 4)
        own_ms = 4 * 800 * len("hello there")
        # The first is on time; those behind it are spoken faster and faster, up to 15 %.
        assert own_ms / 1.15 < duration_ms(audio(wire)) < own_ms * 0.95
        moments = [event["elapsed_ms"] for event in wire.of("session.output_audio.delta")]
        assert all(one <= other for one, other in pairwise(moments))
        assert max(other - one for one, other in pairwise(moments)) <= 400


async def test_a_voice_that_may_not_hurry_does_not() -> None:
    settings = echoing(tts={"ms_per_character": 400}, translation={"max_speed": 1.0})
    async with running(settings) as server, client(address(server)) as wire:
        for _ in range(3):
            await append(wire, speech())
        await close(wire)
        assert duration_ms(audio(wire)) == 3 * 400 * len("hello there")


async def test_more_than_may_wait_is_translated_all_the_same() -> None:
    """A recording of an hour, at once: its sender is slowed, and nothing is left out."""
    settings = echoing(limits={"append_burst_s": 3600}, stt={"delay_ms": 0})
    async with running(settings) as server, client(address(server)) as wire:
        for _ in range(45):
            await append(wire, speech(after_ms=400))
        await close(wire)
        assert text(wire) == " ".join(["hello there"] * 45)


@pytest.mark.parametrize("moment", ["hearing", "translating", "closing"])
async def test_whoever_goes_leaves_nothing(moment: str) -> None:
    settings = echoing(llm={"first_token_ms": 600_000} if moment != "hearing" else {})
    async with running(settings) as server:
        async with client(address(server)):
            pass
        await server.emptied()
        left = Leftovers(server)
        async with client(address(server)) as wire:
            await update(wire, input=CAPTIONS)
            await append(wire, speech(after_ms=0 if moment == "hearing" else 900))
            if moment != "hearing":
                await wire.until("session.input_transcript.delta")
            if moment == "closing":
                await wire.send("session.close")
                await update(wire)
        await server.emptied()
        await left.none()
