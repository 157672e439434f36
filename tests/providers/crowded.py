"""Models that only one process can have, or have at once, for tests that name them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from pipecat.services.llm_service import LLMService

from config import LLMConfig
from providers.base import LLMProvider, ProviderSetupError
from session.ports import ResponseRequest

MARK = "THE_ONLY_ONE"
"""The variable that names a file: whoever creates it has the model."""
LOADS, LET = ".loads", ".let"
"""Suffixes of that file: another process has begun to load its model, and may end that."""


class OnlyOne(LLMProvider):
    """Starts once."""

    label = "the only one"

    def __init__(self, config: LLMConfig) -> None:
        """Take no settings."""

    async def start(self) -> None:
        try:
            os.close(os.open(os.environ[MARK], os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            raise ProviderSetupError("another process has the model") from None

    def create(self, request: ResponseRequest) -> LLMService:
        raise NotImplementedError("nobody asks it")


class SlowBeside(OnlyOne):
    """Loads at once for the first process, and for others when it is let."""

    label = "slow beside another"

    async def start(self) -> None:
        try:
            await super().start()
        except ProviderSetupError:
            first = Path(os.environ[MARK])
            first.with_suffix(LOADS).touch()
            while not first.with_suffix(LET).exists():
                await asyncio.sleep(0.02)
