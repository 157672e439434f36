"""Models that do not let their process end, for tests that name them in the configuration."""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import threading
from typing import Any

from loguru import logger
from pipecat.frames.frames import Frame, LLMContextFrame
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings

from config import LLMConfig
from providers.base import LLMProvider
from session.ports import ResponseRequest

HANGS = "here it hangs"
"""What they log before."""


class _InThread(LLMService[Any]):
    """Waits in a thread for what never comes."""

    def __init__(self) -> None:
        super().__init__(settings=LLMSettings(model="hanging"))

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame):
            await self._hang()
        else:
            await self.push_frame(frame, direction)

    async def _hang(self) -> None:
        logger.warning(HANGS)
        await asyncio.to_thread(threading.Event().wait)


class _InLoop(_InThread):
    """Blocks the event loop."""

    async def _hang(self) -> None:
        logger.warning(HANGS)
        threading.Event().wait()


class InThread(LLMProvider):
    """A vendor's library that never answers."""

    label = "hanging"

    def __init__(self, config: LLMConfig) -> None:
        """Take no settings."""

    def create(self, request: ResponseRequest) -> LLMService:
        return _InThread()


class InLoop(InThread):
    """One that is no coroutine at all."""

    def create(self, request: ResponseRequest) -> LLMService:
        return _InLoop()


class AtClose(InThread):
    """One that cannot be closed."""

    async def close(self) -> None:
        logger.warning(HANGS)
        await asyncio.Event().wait()


class LateSignal(InThread):
    """A supervisor that loses patience when the process is nearly gone."""

    def __init__(self, config: LLMConfig) -> None:
        super().__init__(config)
        atexit.register(os.kill, os.getpid(), signal.SIGTERM)
