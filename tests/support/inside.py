"""A session's inner parts, for tests of its rules; the server uses its methods alone."""

from __future__ import annotations

from realtime_session import RealtimeSession
from session.conversation import Conversation
from session.input_buffer import InputBuffer
from session.response_scheduler import ResponseScheduler
from session.session_config import SessionConfig


class Inside:
    """The parts of one session."""

    def __init__(self, session: RealtimeSession) -> None:
        self._session = session

    @property
    def conversation(self) -> Conversation:
        return self._session._conversation

    @property
    def config(self) -> SessionConfig:
        return self._session._config

    @property
    def buffer(self) -> InputBuffer:
        return self._session._buffer

    @property
    def responses(self) -> ResponseScheduler:
        return self._session._responses

    @property
    def replaced(self) -> list[str]:
        """Items that have left for a turn that went on."""
        return list(self._session._turns._rejoined._replaced)
