"""Reads `options`, the settings of a single provider, and rejects unknown ones."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from pydantic import ConfigDict, ValidationError

from config import LLMConfig, STTConfig, TTSConfig
from providers.base import ProviderSetupError
from settings.group import Table
from settings.localisation import _
from settings.plain_words import literal_meant, meant, plain_reason
from settings.provider_declarations import Declaration, is_of_vendor

ProviderConfig = STTConfig | LLMConfig | TTSConfig


class Configured(Protocol):
    """A group of settings with options."""

    @property
    def provider(self) -> str | None:
        """Whose options they are."""

    @property
    def options(self) -> dict[str, Any]:
        """As the settings have them."""


class Options(Table):
    """Base of a provider's options."""

    model_config = ConfigDict(extra="forbid")


_Options = TypeVar("_Options", bound=Options)


def parse_options(kind: str, config: Configured, model: type[_Options]) -> _Options:
    """Validate `config.options`.

    Args:
        kind: The group of settings: `stt`, `llm`, `tts` or `upstream`.
        config: The group.
        model: The provider's options.

    Raises:
        ProviderSetupError: The first option that is unknown or has a bad value.
    """
    try:
        return model.model_validate(config.options)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        near = literal_meant(first)
        reason = plain_reason(first)
        if first["type"] == "extra_forbidden":
            names = sorted(model.model_fields)
            near = meant(name, names)
            reason = _("'{provider}' has no such option; it takes {names}").format(
                provider=config.provider, names=", ".join(names) or _("no options")
            )
        where = f"{kind}.options.{name}" if name else f"{kind}.options"
        raise ProviderSetupError(
            f"{where}: {reason} ({variable(kind, 'options')}).{near}"
        ) from error


def required_key(declaration: Declaration, config: ProviderConfig) -> str:
    """Return the API key of a provider that cannot work without one.

    Args:
        declaration: The provider's; its `key_variable` is named if there is no key.
        config: The group.

    Raises:
        ProviderSetupError: There is no key.
    """
    key = config.resolved_key()
    kind = declaration.kind
    if not key and not is_of_vendor(config.api_base, declaration.key_domains):
        raise ProviderSetupError(
            _(
                "{kind}.provider '{name}' needs an API key for {kind}.api_base: set {kind}.api_key "
                "({variable}). {vendor} is sent to {domains} alone."
            ).format(
                kind=kind,
                name=config.provider,
                vendor=declaration.key_variable,
                variable=variable(kind, "api_key"),
                domains=", ".join(declaration.key_domains),
            )
        )
    if not key:
        raise ProviderSetupError(
            _(
                "{kind}.provider '{name}' needs an API key: set {vendor}, or {kind}.api_key "
                "({variable})."
            ).format(
                kind=kind,
                name=config.provider,
                vendor=declaration.key_variable,
                variable=variable(kind, "api_key"),
            )
        )
    return key


def refuse(kind: str, config: ProviderConfig, names: tuple[str, ...], instead: str = "") -> None:
    """Reject settings that have no effect on a provider, rather than ignoring them.

    Args:
        kind: `stt`, `llm` or `tts`.
        config: The group.
        names: Settings that must be unset.
        instead: What else may be done, as a clause that follows "or".

    Raises:
        ProviderSetupError: One of them is set.
    """
    for name in names:
        if getattr(config, name) is not None:
            told = _("{kind}.{name} has no meaning for the provider '{provider}': unset {variable}")
            told = told.format(
                kind=kind, name=name, provider=config.provider, variable=variable(kind, name)
            )
            if instead:
                told = _("{told}, or {instead}").format(told=told, instead=instead)
            raise ProviderSetupError(f"{told}.")


def variable(group: str, name: str) -> str:
    """Return the environment variable of a setting."""
    return f"REALTIME_{group}__{name}".upper()
