"""Sessions with processors of one's own, and processors that break when they are told to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from pipecat.frames.frames import (
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMTextFrame,
    TextFrame,
    TTSAudioRawFrame,
)
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.processors.text_transformer import StatelessTextTransformer

from own_processors.places import PLACES, Processors
from pipeline_manager import PipelineManager
from tests.own_processors import people
from tests.own_processors.people import Doing
from tests.support.running_server import RunningServer, running, scripted_settings
from tests.support.wire_client import WireClient, client, speech

OWN = "tests.providers.own_backends"
ECHO = {"provider": f"{OWN}:EchoLLM"}
"""A model that says what it is asked."""
TEXT = "Well, this is fine. A second sentence, and 3.5 more!"
HEARD = {"input": {"transcription": {"model": "whisper-1"}}}


@asynccontextmanager
async def serving(timeout_s: float = 20, **places: Any) -> AsyncIterator[RunningServer]:
    """The server with processors; a place that is none of theirs is a group of settings."""
    groups = {name: places.pop(name) for name in list(places) if name not in PLACES}
    settings = scripted_settings(**{"llm": {"text": TEXT}, **groups})
    processors = Processors(**places, timeout_s=timeout_s)
    async with running(settings, PipelineManager(settings, processors=processors)) as server:
        yield server


@asynccontextmanager
async def session(**options: Any) -> AsyncIterator[WireClient]:
    async with serving(**options) as server, client(server.url) as wire:
        await wire.update(audio=HEARD)
        yield wire


async def answer(wire: WireClient, text: str = "Hello") -> dict[str, Any]:
    await wire.say(text)
    done: dict[str, Any] = (await wire.until("response.done"))["response"]
    return done


async def spoken_turn(wire: WireClient) -> dict[str, Any]:
    """Say something; return the response, behind the transcript of what was said."""
    await wire.append(speech())
    done: dict[str, Any] = (await wire.until("response.done"))["response"]
    return done


def said(response: dict[str, Any]) -> str:
    content = response["output"][0]["content"][0]
    return str(content.get("transcript", content.get("text")))


def failure(response: dict[str, Any]) -> str:
    assert response["status"] == "failed", response
    return str(response["status_details"]["error"]["message"])


def transcripts(wire: WireClient) -> list[str]:
    completed = wire.of("conversation.item.input_audio_transcription.completed")
    return [str(event["transcript"]) for event in completed]


def upper() -> FrameProcessor:
    return StatelessTextTransformer(str.upper)


class Armed:
    """Makes processors that do something as long as this is armed."""

    def __init__(self, kind: Any, act: Callable[[Doing, Any], Any], name: str = "Broken") -> None:
        self.on = True
        self._broken = people.doing(kind, self._act, name)
        self._does = act
        self.__name__ = name

    async def _act(self, one: Doing, frame: Any) -> bool:
        return bool(await self._does(one, frame)) if self.on else False

    def __call__(self) -> Doing:
        return self._broken()


OF_ANSWERS = [
    ("before_model", LLMContextFrame),
    ("before_voice", LLMTextFrame),
    ("before_voice", LLMFullResponseEndFrame),
    ("before_client", TTSAudioRawFrame),
    ("before_client", TextFrame),
]
