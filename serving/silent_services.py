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
from tool_servers.servers import McpServers
from tool_servers.trials import try_servers

Stage = Literal["STT", "LLM", "TTS"]


@asynccontextmanager
async def warning_of_silent_services(
    stacks: Stacks, servers: McpServers, wanted: bool
) -> AsyncIterator[None]:
    """Look beside the start, which waits for nothing here; stop looking when the block ends.

    Args:
        stacks: Know the services.
        servers: Knows the MCP servers of the operator, which are asked for their tools.
        wanted: Whether to look at all.
    """
    _warn_of_unused(stacks)
    looking = (
        asyncio.create_task(_look(stacks, servers), name="silent services") if wanted else None
    )
    try:
        yield
    finally:
        if looking is not None:
            looking.cancel()
            await asyncio.wait([looking])


def _warn_of_unused(stacks: Stacks) -> None:
    """Log a line for tables of stages that have no effect beside an upstream."""
    if unused := stacks.default.settings.upstream.unused:
        tables = ", ".join(f"[{name}]" for name in unused)
        logger.warning(f"{tables}: not used, as [upstream] hears and speaks in their place")


async def _look(stacks: Stacks, servers: McpServers) -> None:
    await asyncio.gather(_warn(stacks), _warn_of_tools(servers))


async def _warn_of_tools(servers: McpServers) -> None:
    """Log a line for each MCP server that cannot be used as its settings say."""
    if not servers.configured:
        return
    for trial in await try_servers(servers):
        if trial.error is not None:
            logger.warning(
                f"{trial.error} Sessions go on without its tools; look at mcp.servers.{trial.label}"
            )
        elif trial.unknown:
            logger.warning(
                f"MCP server {trial.label}: it lists no tools called {', '.join(trial.unknown)}, "
                f"which mcp.servers.{trial.label} names"
            )


async def _warn(stacks: Stacks) -> None:
    """Log a line for each stage whose service takes no connection. It is sent nothing."""
    asked = {
        name: stage for name, stage in stacks.services().items() if not stage.provider.tries_service
    }
    silent = await unreachable({name: stage.address for name, stage in asked.items()})
    for name, reason in silent.items():
        stage, provider = asked[name].kind, asked[name].provider
        stack = asked[name].stack
        on = "" if stack.is_default else f"[stacks.{stack.name}] "
        with in_english():
            remedy = unreachable_remedy(stage, provider, stack.name)
            told = f"{on}{stage} {provider.label}: {reason}. {remedy}"
        logger.warning(provider.redacted(told))
