"""Warns at start of services that do not answer, before a user's first turn finds out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from loguru import logger

from providers.errors import unreachable_remedy
from serving.reachability import unreachable
from serving.stacks import Stacks
from settings.localisation import in_english

Stage = Literal["STT", "LLM", "TTS"]


@asynccontextmanager
async def warning_of_silent_services(stacks: Stacks, wanted: bool) -> AsyncIterator[None]:
    """Look beside the start, which waits for nothing here; stop looking when the block ends.

    Args:
        stacks: Know the services.
        wanted: Whether to look at all.
    """
    looking = asyncio.create_task(_warn(stacks), name="silent services") if wanted else None
    try:
        yield
    finally:
        if looking is not None:
            looking.cancel()
            await asyncio.wait([looking])


async def _warn(stacks: Stacks) -> None:
    """Log a line for each stage whose service takes no connection. It is sent nothing."""
    asked = {
        name: stage for name, stage in stacks.services().items() if not stage.provider.tries_service
    }
    silent = await unreachable({name: stage.address for name, stage in asked.items()})
    for name, reason in silent.items():
        stage, provider = asked[name].kind, asked[name].provider
        on = "" if asked[name].stack.is_default else f"[stacks.{asked[name].stack.name}] "
        with in_english():
            told = f"{on}{stage} {provider.label}: {reason}. {unreachable_remedy(stage, provider)}"
        logger.warning(provider.redacted(told))
