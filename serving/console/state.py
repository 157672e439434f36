"""What the console is told about the server: `GET /console/state` (§D.9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

from config import PRODUCT_NAME, VERSION, Settings
from pipeline_manager import PipelineManager
from serving.lifecycle import Lifecycle
from serving.model_names import model_names
from serving.stack_differences import differences
from serving.stacks import Stack, Stacks
from settings.extras import lacking
from settings.installation import add_extra
from settings.localisation import in_english

WEBRTC = "webrtc"
"""The extra that calls need."""


def console_state(
    settings: Settings,
    stacks: Stacks,
    lifecycle: Lifecycle,
    *,
    why_no_calls: str | None,
    names_hosts: bool,
) -> dict[str, Any]:
    """Return the server's description, as JSON has it.

    Args:
        settings: The configuration.
        stacks: Tell what they are made of, and what they can do.
        lifecycle: Tells the server's state.
        why_no_calls: Why there can be no WebRTC calls; None: there can be.
        names_hosts: Whether to name what is in use: labels name hosts, which are none of the
            business of a client secret's holder.
    """
    described = partial(_stack, ready=lifecycle.ready, names_hosts=names_hosts)
    return {
        "product": PRODUCT_NAME,
        "version": VERSION,
        "state": lifecycle.state,
        "auth": "key" if settings.server.api_keys else "none",
        "webrtc": webrtc(why_no_calls),
        "ws_path": settings.server.ws_path,
        "models": model_names(settings),
        **described(stacks.default),
        "unlike": [],
        "stacks": {
            stack.name: {
                **described(stack),
                "unlike": _unlike(stack, stacks.default) if names_hosts else [],
            }
            for stack in stacks.named
        },
        # Whether a page may name MCP servers itself (§B.13).
        "mcp": bool(settings.mcp.allowed_hosts),
    }


def _stack(stack: Stack, *, ready: bool, names_hosts: bool) -> dict[str, Any]:
    """Return what one stack offers, and how its sessions begin."""
    manager, settings = stack.pipelines, stack.settings
    return {
        # They are known when the providers have started.
        "voices": [asdict(voice) for voice in manager.tts.list_voices()] if ready else [],
        "default_voice": settings.tts.voice_id,
        "stack": stack.told() if names_hosts else None,
        "limits": list(_limits(manager)),
        "languages": sorted(manager.capabilities.languages or ()),
        "vad": settings.vad.model_dump(
            include={"type", "threshold", "prefix_padding_ms", "silence_duration_ms"}
        ),
    }


def _unlike(stack: Stack, default: Stack) -> list[str]:
    """Return what a stack has that the default one has not, in English as labels are."""
    with in_english():
        return differences(stack, default)


def webrtc(why_not: str | None) -> dict[str, Any]:
    """Return whether calls can be taken; if not, why, and what installs what they lack."""
    if why_not is None:
        return {"available": True}
    told = {"available": False, "reason": why_not}
    return {**told, "install": add_extra(WEBRTC)} if lacking(WEBRTC) else told


def _limits(manager: PipelineManager) -> Iterator[str]:
    """Yield what the stack cannot do; the console has the words for each."""
    can = manager.capabilities
    if manager.llm.for_trial:
        yield "trial"
    if can.languages is not None:
        yield "languages"
    if not can.transcription_prompt:
        yield "prompt"
    if not can.images:
        yield "images"
    if not can.reasoning:
        yield "reasoning"
