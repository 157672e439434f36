"""The key of an upstream: from the settings, or from the variable of its vendor."""

from __future__ import annotations

from config import MIN_SECRET_LENGTH, ConfigError
from settings.localisation import _
from settings.sources import variable
from settings.upstream import KEY_VARIABLES, UpstreamConfig


def key_of(config: UpstreamConfig, *, vendor: bool) -> str | None:
    """Return the key in clear; None: there is none.

    Args:
        config: The settings.
        vendor: Whether the service is the vendor's own.

    Raises:
        ConfigError: The key has characters that no header can carry.
    """
    name, key = "upstream.api_key", None
    if config.api_key is not None:
        key = config.api_key.get_secret_value()
    elif vendor and config.provider is not None:
        name = KEY_VARIABLES[config.provider]
        key = variable(name)
    key = (key or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(
            _(
                "The API key of the provider '{provider}' ({name}) has characters that no key has, "
                "such as a line break within it: copy it anew."
            ).format(provider=config.provider, name=name)
        )
    return key or None


def secrets_of(config: UpstreamConfig, key: str | None) -> frozenset[str]:
    """Return the texts to mask in logs and errors."""
    named = (
        str(value)
        for name, value in config.options.items()
        if any(word in name.lower() for word in ("key", "token", "secret", "password"))
    )
    return frozenset(one for one in (key or "", *named) if len(one) >= MIN_SECRET_LENGTH)
