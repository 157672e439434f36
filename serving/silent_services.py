"""Warns at start of services that do not answer, before a user's first turn finds out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from loguru import logger

from pipeline_manager import PipelineManager
from providers.base import Provider
from providers.errors import unreachable_remedy
from serving.reachability import unreachable
from settings.localisation import in_english

Stage = Literal["STT", "LLM", "TTS"]


@asynccontextmanager
async def warning_of_silent_services(manager: PipelineManager, wanted: bool) -> AsyncIterator[None]:
    """Look beside the start, which waits for nothing here; stop looking when the block ends.

    Args:
        manager: Knows the services.
        wanted: Whether to look at all.
    """
    looking = asyncio.create_task(_warn(manager), name="silent services") if wanted else None
    try:
        yield
    finally:
        if looking is not None:
            looking.cancel()
            await asyncio.wait([looking])


async def _warn(manager: PipelineManager) -> None:
    """Log a line for each stage whose service takes no connection. It is sent nothing."""
    stages: dict[str, tuple[Stage, Provider]] = {
        "stt": ("STT", manager.stt),
        "llm": ("LLM", manager.llm),
        "tts": ("TTS", manager.tts),
    }
    silent = await unreachable(
        {
            name: address
            for name, address in manager.addresses().items()
            if not stages[name][1].tries_service
        }
    )
    for name, reason in silent.items():
        stage, provider = stages[name]
        with in_english():
            told = f"{stage} {provider.label}: {reason}. {unreachable_remedy(stage, provider)}"
        logger.warning(provider.redacted(told))
