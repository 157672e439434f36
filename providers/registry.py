"""Finds a provider by its name in `config.py`, importing only what is used.

A provider's package may be missing when another one is configured, so the modules are imported
by name, and a missing package is answered with what to install.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from providers.base import ProviderSetupError


def load(kind: str, names: Mapping[str, str], config: Any) -> Any:
    """Build the provider that `config.provider` names.

    Args:
        kind: `STT`, `LLM` or `TTS`, for errors.
        names: Provider name → `package.module:Class`.
        config: The kind's group of settings; handed to the class.

    Raises:
        ProviderSetupError: No such provider, or its package is missing.
    """
    target = names.get(config.provider)
    if target is None:
        raise ProviderSetupError(
            f"There is no {kind} provider '{config.provider}'; choose one of "
            f"{', '.join(sorted(names))} ({kind.lower()}.provider)."
        )
    module, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module), attribute)(config)
    except ModuleNotFoundError as error:
        raise ProviderSetupError(
            f"The {kind} provider '{config.provider}' needs the package '{error.name}': "
            "pip install -r requirements.txt"
        ) from error
