"""Finds a provider by its name in `config.py`, importing only what is used.

A provider's package may be missing when another one is configured, so the modules are imported
by name, and a missing package is answered with what to install.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from providers.base import Provider, ProviderSetupError
from settings.installation import install_extra


def load(
    kind: str,
    names: Mapping[str, str],
    config: Any,
    wrap: Callable[[type[Any], Any], Provider],
) -> Any:
    """Build the provider that `config.provider` names.

    Args:
        kind: `STT`, `LLM` or `TTS`, for errors.
        names: Provider name → `package.module:Class`.
        config: The kind's group of settings; handed to the class.
        wrap: Makes a provider of a Pipecat service that `config.provider` names directly.

    Raises:
        ProviderSetupError: No such provider, its package is missing, or it cannot work as
            configured.
    """
    provider = _build(kind, names, config, wrap)
    provider.secrets = config.secrets()
    return provider


def _build(
    kind: str,
    names: Mapping[str, str],
    config: Any,
    wrap: Callable[[type[Any], Any], Provider],
) -> Any:
    name = config.provider
    if ":" in name:
        found = _find(kind, name, name)
        is_provider = isinstance(found, type) and issubclass(found, Provider)
        return found(config) if is_provider else wrap(found, config)
    target = names.get(name)
    if target is None:
        raise ProviderSetupError(
            f"There is no {kind} provider '{name}'; choose one of {', '.join(sorted(names))}, or "
            f"name a class of your own as package.module:Class ({kind.lower()}.provider)."
        )
    return _find(kind, name, target)(config)


def _find(kind: str, name: str, target: str) -> Any:
    module, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ImportError as error:
        # Pipecat answers a missing package with an error of its own.
        missing = error if error.name or error.__cause__ is None else error.__cause__
        package = getattr(missing, "name", None) or str(missing)
        remedy = install_extra(name) or f"pip install {package.partition('.')[0]}"
        raise ProviderSetupError(
            f"The {kind} provider '{name}' needs the package '{package}': {remedy}"
        ) from error
    except AttributeError as error:
        raise ProviderSetupError(
            f"The module {module} has no {attribute}; look at {kind.lower()}.provider."
        ) from error
