"""§B.5: the server's own voice, back from a loudspeaker, is no speech of the user's."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, AsyncIterator

import numpy as np
import pytest

from audio.pcm import WIRE_RATE, read_wav
from config import TTSConfig
from providers import ClauseVoice, Declaration, TTSProvider
from tests.support.places import DATA
from tests.support.room import Room, pcm, samples
from tests.support.running_server import running, scripted_settings
from tests.support.wire_client import WireClient, client, speech

ECHO_DB = -20.0
SAID = b"".join(
    read_wav(DATA / f"{name}.wav") for name in ("turn_complete", "flite-slt_s01", "flite-slt_s10")
)
"""What the voice says, whatever the text."""


class RecordedTTS(TTSProvider):
    """A voice that speaks, for the scripted ones only sound."""

    declaration = Declaration(kind="tts", name="recorded")
    label = "recorded"

    def __init__(self, _config: TTSConfig) -> None:
        """Need nothing."""

    def create(self, voice: str) -> ClauseVoice:
        """Build the voice of one response."""
        return _Recorded(voice, sample_rate=WIRE_RATE)


class _Recorded(ClauseVoice):
    async def speak(self, text: str) -> AsyncGenerator[bytes, None]:
        yield SAID


@pytest.fixture(params=(True, False))
async def wire(request: pytest.FixtureRequest) -> AsyncIterator[tuple[WireClient, bool]]:
    """A client of a server that has such a voice, with and without the guard."""
    guarded: bool = request.param
    voice = f"{RecordedTTS.__module__}:{RecordedTTS.__name__}"
    settings = scripted_settings(tts={"provider": voice}, turns={"echo_guard": guarded})
    async with running(settings) as server, client(server.url) as connected:
        yield connected, guarded


async def test_an_echo_begins_no_turn_and_a_person_over_it_does(wire):
    connected, guarded = wire
    await connected.say("Hello.")
    await connected.until("response.done")
    deltas = connected.of("response.output_audio.delta")
    played = samples(b"".join(base64.b64decode(delta["delta"]) for delta in deltas))
    room = Room(WIRE_RATE, 200, 10 ** (ECHO_DB / 20))
    heard = room.echo(np.concatenate([played[: len(samples(SAID))], np.zeros(WIRE_RATE)]))
    await connected.append(pcm(heard))
    if not guarded:
        await connected.until("input_audio_buffer.speech_started")
        return
    await connected.settled()
    assert not connected.of("input_audio_buffer.speech_started")
    await connected.append(speech("flite-rms_s06"))
    await connected.until("input_audio_buffer.speech_started")
