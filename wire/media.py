"""How a client's audio travels: within the events, or beside them."""

from __future__ import annotations

from enum import Enum


class Media(Enum):
    """Where the audio of a session is (§A.2, A.11)."""

    EVENTS = "events"
    """In `input_audio_buffer.append` and `response.output_audio.delta`: a WebSocket. The client
    plays, and tells what it did not play."""
    TRACKS = "tracks"
    """On tracks beside the events: WebRTC. The server plays, so it knows what was played."""
