"""How an MCP server is connected to: its process, streamable HTTP, or the older SSE.

Each is a context that yields `mcp`'s streams, with the end of what is read noticed: without that,
nobody would know that a server has gone before the next request to it fails.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, get_default_environment, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage

from settings.mcp_settings import McpConfig
from tool_servers.bounded_body import (
    ENVELOPE_VALUES,
    LEAST_VALUES,
    MAX_MESSAGE_BYTES,
    VALUES_PER_KIB,
)
from tool_servers.http_client import SILENCE_S, http_client
from tool_servers.raw_answers import mend_answer
from tool_servers.targets import HttpTarget, ProcessTarget, Target

Streams = tuple[Any, Any]
"""What `mcp` reads messages from and writes them to."""

_CHILD = Path(__file__).with_name("child.py")


@asynccontextmanager
async def streamable(
    target: HttpTarget, config: McpConfig, ended: Callable[[], None]
) -> AsyncIterator[Streams]:
    """Connect by streamable HTTP.

    Args:
        target: The server.
        config: How long things may take, and how much is read.
        ended: Called when nothing more is read from it.
    """
    async with (
        http_client(target, config.connect_timeout_s, _most_values(config)) as client,
        streamable_http_client(
            target.place.url, http_client=client, max_sse_event_size=MAX_MESSAGE_BYTES
        ) as (read, write),
    ):
        yield _Watched(read, target, config.max_tools, ended), write


@asynccontextmanager
async def sse(
    target: HttpTarget, config: McpConfig, ended: Callable[[], None]
) -> AsyncIterator[Streams]:
    """Connect by SSE, as servers of 2024 expect; arguments as those of `streamable`."""
    async with sse_client(
        target.place.url,
        timeout=config.connect_timeout_s,
        sse_read_timeout=SILENCE_S,
        httpx_client_factory=partial(
            http_client, target, config.connect_timeout_s, _most_values(config)
        ),
    ) as (read, write):
        yield _Watched(read, target, config.max_tools, ended), write


@asynccontextmanager
async def process(
    target: ProcessTarget, config: McpConfig, ended: Callable[[], None], *, verbose: bool
) -> AsyncIterator[Streams]:
    """Run a server's command.

    Args:
        target: The server.
        config: How much of its lists is read.
        ended: Called when nothing more is read from it.
        verbose: Whether what it writes to its standard error is shown.

    Raises:
        OSError: The command cannot be run.
    """
    env = {**get_default_environment(), **target.env}
    command = _found(target, env)
    args = [*target.args]
    if sys.platform == "linux":
        # Without the site's packages, and none of the variables that change Python, it takes 15 ms.
        args = ["-I", "-S", str(_CHILD), str(os.getpid()), command, *args]
        command = sys.executable
    parameters = StdioServerParameters(command=command, args=args, env=env, cwd=target.cwd)
    with await asyncio.to_thread(open, os.devnull, "w") as nowhere:
        errors = sys.stderr if verbose else nowhere
        async with stdio_client(parameters, errlog=errors) as (read, write):
            yield _Watched(read, target, config.max_tools, ended), write


def _most_values(config: McpConfig) -> int:
    return ENVELOPE_VALUES + max(LEAST_VALUES, VALUES_PER_KIB * config.max_result_kib)


def _found(target: ProcessTarget, env: dict[str, str]) -> str:
    """Return the path of a command.

    Raises:
        OSError: With the reason, which clients see: it quotes nothing of the operator's settings.
    """
    if target.cwd is not None and not Path(target.cwd).is_dir():
        raise FileNotFoundError("its folder (cwd) does not exist")
    command = target.command
    if target.cwd is not None and os.sep in command and not os.path.isabs(command):
        command = str(Path(target.cwd) / command)
    found = shutil.which(command, path=env.get("PATH"))
    if found is None:
        reason = "its command is not there, or not executable"
        # A path may have spaces; what is not there is rather a whole command line.
        hint = "; arguments belong into args" if " " in target.command else ""
        raise FileNotFoundError(reason + hint)
    return os.path.abspath(found)


class _Watched:
    """Messages from a server, and the end of them."""

    def __init__(
        self, stream: Any, target: Target, most_tools: int, ended: Callable[[], None]
    ) -> None:
        self._stream = stream
        self._target = target
        self._most_tools = most_tools
        self._ended = ended

    @property
    def last_context(self) -> Any:
        """The context in which the last message was sent, where the stream knows it."""
        return getattr(self._stream, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        """Return the next message."""
        message: SessionMessage | Exception = await self._stream.receive()
        return message

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()

    def __aiter__(self) -> _Watched:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            message: SessionMessage | Exception = await self._stream.__anext__()
        except BaseException:
            self._ended()
            raise
        if isinstance(message, SessionMessage):
            mend_answer(message, self._target, self._most_tools)
        return message

    async def __aenter__(self) -> _Watched:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._stream.__aexit__(*error)
