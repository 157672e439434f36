"""Reads `options`, the settings that only one provider knows, and refuses what it does not know."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from config import LLMConfig, STTConfig, TTSConfig
from providers.base import ProviderSetupError

ProviderConfig = STTConfig | LLMConfig | TTSConfig


class Options(BaseModel):
    """Base of a provider's options."""

    model_config = ConfigDict(extra="forbid")


_Options = TypeVar("_Options", bound=Options)


def parse_options(kind: str, config: ProviderConfig, model: type[_Options]) -> _Options:
    """Validate `config.options`.

    Args:
        kind: `stt`, `llm` or `tts`: the group of settings.
        config: The group.
        model: What the provider takes.

    Raises:
        ProviderSetupError: The first option that is unknown or has a bad value.
    """
    try:
        return model.model_validate(config.options)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        reason = first["msg"]
        if first["type"] == "extra_forbidden":
            known = ", ".join(sorted(model.model_fields)) or "no options"
            reason = f"'{config.provider}' has no such option; it takes {known}"
        raise ProviderSetupError(f"{kind}.options.{name}: {reason}.") from error


def required_key(kind: str, config: ProviderConfig, variable: str) -> str:
    """Return the API key of a provider that cannot work without one.

    Args:
        kind: `stt`, `llm` or `tts`.
        config: The group.
        variable: The vendor's own environment variable, for the message.

    Raises:
        ProviderSetupError: There is no key.
    """
    key = config.resolved_key()
    if not key:
        raise ProviderSetupError(
            f"{kind}.provider '{config.provider}' needs an API key: set {variable}, or "
            f"{kind}.api_key (REALTIME_{kind.upper()}__API_KEY)."
        )
    return key


def refuse(kind: str, config: ProviderConfig, names: tuple[str, ...]) -> None:
    """Refuse settings that a provider has no use for, rather than ignoring them.

    Args:
        kind: `stt`, `llm` or `tts`.
        config: The group.
        names: Settings that must be unset.

    Raises:
        ProviderSetupError: One of them is set.
    """
    for name in names:
        if getattr(config, name) is not None:
            raise ProviderSetupError(
                f"{kind}.{name} has no meaning for the provider '{config.provider}': unset "
                f"REALTIME_{kind.upper()}__{name.upper()}."
            )


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
