"""Settings of the server of models (`models_http/`): the table `[model_server]`."""

from __future__ import annotations

from pydantic import Field

from settings.group import Group


class ModelServerConfig(Group):
    """The recogniser and the voice behind OpenAI's HTTP endpoints: `python -m models_http`."""

    port: int = Field(8001, ge=0, le=65535)
    """TCP port; 0 lets the system choose one. Its address is `server.host`."""
    parallel: int | None = Field(None, ge=1, le=1024)
    """Calls that are worked on at a time, of each kind. None: as many as the engine takes, and 16
    where a service elsewhere does the work."""
    queue: int = Field(4, ge=0, le=1024)
    """Calls of each kind that wait for their turn, or whose request is still coming in; one more is
    answered 503 at once, unread."""
    file_mib: float = Field(25, gt=0, le=1024)
    """MiB of a sound file to transcribe."""
    audio_minutes: float = Field(30, gt=0, le=1440)
    """Minutes of audio in such a file."""
    input_chars: int = Field(4096, ge=1, le=1_000_000)
    """Characters of a text to speak."""
    stall_s: float = Field(30, gt=0, le=3600)
    """Seconds that a client may take nothing of the audio that waits for it, or send nothing of its
    request."""
