"""Refuses settings that the embedded speech stack has no use for, rather than ignoring them."""

from __future__ import annotations

from collections.abc import Collection

from config import STTConfig, TTSConfig
from providers.base import ProviderSetupError


def refuse_unused(
    group: str, config: STTConfig | TTSConfig, options: Collection[str], remedy: str
) -> None:
    """Check that only what an embedded provider understands is set.

    Args:
        group: `stt` or `tts`, for the names of settings and variables.
        config: The group's settings.
        options: Names that `config.options` may have.
        remedy: A provider to use instead, as a clause that follows "or".

    Raises:
        ProviderSetupError: A setting that would have no effect.
    """
    for name in ("model", "api_base"):
        if getattr(config, name) is not None:
            raise ProviderSetupError(
                f"{group}.{name} has no meaning for the embedded provider: unset "
                f"{variable(group, name)}, or {remedy}."
            )
    unknown = sorted(set(config.options) - set(options))
    if unknown:
        raise ProviderSetupError(
            f"{group}.options has no '{unknown[0]}' for the embedded provider: choose from "
            f"{', '.join(sorted(options))} ({variable(group, 'options')})."
        )


def variable(group: str, name: str) -> str:
    """Return the environment variable of a setting."""
    return f"REALTIME_{group}__{name}".upper()
