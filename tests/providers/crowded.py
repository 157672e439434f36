"""A model that only one process can have, for tests that name it in the configuration."""

from __future__ import annotations

import os

from pipecat.services.llm_service import LLMService

from config import LLMConfig
from providers.base import LLMProvider, ProviderSetupError
from session.ports import ResponseRequest

MARK = "THE_ONLY_ONE"
"""The variable that names a file: whoever creates it has the model."""


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
