"""What stands beside a stack's stages is tried, or in their place: MCP servers, store, upstream."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace

from audio.pcm import WIRE_RATE
from config import ConfigError, Settings
from serving.check_verdicts import Verdict
from serving.stage_checks import PROMPT, started
from serving.stage_trials import converse
from serving.store.connection import StoreConnection, StoreUnreachable
from serving.store.lease_commands import end, take
from serving.store.link import store_remedy
from session.ports import FailureReason
from session.session_config import DEFAULT_VOICE
from settings.localisation import _
from tool_servers.servers import McpServers
from tool_servers.trials import Trial, try_servers
from upstream.loading import load_upstream
from upstream.service import UpstreamService


async def check_upstream(settings: Settings, running: UpstreamService | None) -> Verdict:
    """Let a speech-to-speech service answer a prompt aloud.

    Args:
        settings: The stack's.
        running: The service, if the stack has started; None: it is loaded for the check.
    """
    config = settings.upstream
    async with started("Upstream", config, running, lambda: load_upstream(config)) as service:
        if isinstance(service, Verdict):
            return service
        made = await converse(service, settings.llm, config.voice_id or DEFAULT_VOICE, PROMPT)
        label, error = service.label, made.error
    if error is None and not made.pcm:
        error = FailureReason(
            _("Upstream {label} answered without a sound. Check the model.").format(label=label)
        )
    seconds = len(made.pcm) / (2 * WIRE_RATE)
    result = _("answered “{text}” in {seconds:.1f} s of audio").format(
        text=" ".join(made.words.split())[:80], seconds=seconds
    )
    name = config.provider or ""
    verdict = Verdict("Upstream", name, label, made.first_audio_ms, result)
    return verdict if error is None else verdict.failed(error)


async def check_tool_servers(settings: Settings) -> list[Verdict]:
    """Try the operator's MCP servers: each is connected to, and lists its tools."""
    if not settings.mcp.servers:
        return []
    try:
        servers = McpServers(settings)
    except ConfigError as error:
        reason = FailureReason(str(error), "provider_setup")
        return [Verdict("MCP", label, "-", error=reason) for label in settings.mcp.servers]
    return [_of_trial(trial) for trial in await try_servers(servers)]


async def check_store(settings: Settings) -> list[Verdict]:
    """Try the store that servers share, as a session that opens does."""
    store = settings.limits.store
    if store is None:
        return []
    try:
        connection = StoreConnection(store)
    except ConfigError as error:
        reason = FailureReason(str(error), "provider_setup")
        return [Verdict("Store", "redis", "-", error=reason)]
    verdict = Verdict("Store", "redis", connection.place)
    trial = secrets.token_hex(8)
    began = time.monotonic()
    try:
        await connection.run(take(trial, trial, 1), end(trial, [trial]))
    except StoreUnreachable as failure:
        told = store_remedy(connection.place, failure)
        return [verdict.failed(FailureReason(told, "provider_unreachable"))]
    finally:
        await connection.close()
    took_ms = 1000 * (time.monotonic() - began)
    result = _("{place} counts the sessions of all servers").format(place=connection.place)
    return [replace(verdict, first_result_ms=took_ms, result=result)]


def _of_trial(trial: Trial) -> Verdict:
    if trial.error is None:
        result = _("has {count} tools").format(count=trial.tools)
        if trial.unknown:
            names = ", ".join(trial.unknown)
            result += _(", but none called {names}, which its settings name").format(names=names)
        return Verdict("MCP", trial.label, trial.where, trial.took_ms, f"{trial.label} {result}")
    code = "provider_error" if trial.reached else "provider_unreachable"
    return Verdict("MCP", trial.label, trial.where, error=FailureReason(trial.error, code))
