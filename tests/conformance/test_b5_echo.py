"""§B.5: the server's own voice, back from a loudspeaker, is no speech of the user's."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import numpy as np
import pytest

from tests.support.room import Room, pcm, samples
from tests.support.running_server import running, scripted_settings
from tests.support.wire_client import WireClient, client, speech

RATE = 24000
ECHO_DB = -20.0
SECONDS = 5


@pytest.fixture(params=(True, False))
async def wire(request: pytest.FixtureRequest) -> AsyncIterator[tuple[WireClient, bool]]:
    """A client of a server that has a voice, with and without the guard."""
    guarded: bool = request.param
    settings = scripted_settings(
        llm={"provider": "embedded"},
        tts={"provider": "embedded"},
        turns={"echo_guard": guarded},
    )
    async with running(settings) as server, client(server.url) as connected:
        yield connected, guarded


async def answer(wire: WireClient) -> bytes:
    """Ask for a story; return the first seconds of its sound."""
    await wire.say("tell me a long story")
    sound = b""
    while len(sound) < SECONDS * RATE * 2:
        event = await wire.until("response.output_audio.delta")
        sound += base64.b64decode(event["delta"])
    return sound


async def test_an_echo_begins_no_turn_and_a_person_over_it_does(wire):
    connected, guarded = wire
    played = samples(await answer(connected))
    room = Room(RATE, 200, 10 ** (ECHO_DB / 20))
    heard = room.echo(np.concatenate([played[: SECONDS * RATE], np.zeros(RATE)]))
    await connected.append(pcm(heard))
    if not guarded:
        await connected.until("input_audio_buffer.speech_started")
        return
    await connected.settled()
    assert not connected.of("input_audio_buffer.speech_started")
    await connected.append(speech("flite-rms_s06"))
    await connected.until("input_audio_buffer.speech_started")
