"""What a virtual clock cannot be used with (`server.virtual_clock`).

It jumps wherever a session waits. What that waits for has to be in the same process, or it would be
late at once: a service, a model in a process of its own, a tool somewhere else.
"""

from __future__ import annotations

from typing import Any

from settings.localisation import _
from settings.sources import ConfigError

_WITHIN = (None, "scripted")
"""Providers that a stage may have; None: the test's script."""


def refuse_outside(settings: Any) -> None:
    """Refuse a virtual clock with anything outside.

    Args:
        settings: A `config.Settings`.

    Raises:
        ConfigError: There is something; it says what.
    """
    if not settings.server.virtual_clock:
        return
    stages = {kind: getattr(settings, kind) for kind in ("stt", "llm", "tts")}
    outside = [
        f"{kind}.provider"
        for kind, stage in stages.items()
        if "provider" in stage.model_fields_set and stage.provider not in _WITHIN
    ]
    outside += ["upstream.provider"] if settings.upstream.provider is not None else []
    outside += ["stacks"] if settings.stacks else []
    outside += ["mcp.servers"] if settings.mcp.servers else []
    outside += ["mcp.allowed_hosts"] if settings.mcp.allowed_hosts else []
    if outside:
        raise ConfigError(
            _(
                "server.virtual_clock cannot be used with {name}: it waits for nothing outside of "
                "the server. Leave one of the two out."
            ).format(name=outside[0])
        )
