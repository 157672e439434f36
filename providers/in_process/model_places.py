"""Where downloaded models are kept: one rule for every engine that runs in this process.

The first of these that is set: the stage's `options.download_dir`, `models.dir` for all engines
together, and the user's cache (`XDG_CACHE_HOME`), where other programs keep the same files.
"""

from __future__ import annotations

import os
from pathlib import Path

from config import STTConfig, TTSConfig


def user_cache() -> Path:
    """Return the folder of the user's caches: `XDG_CACHE_HOME`, or `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()


def chosen_folder(config: STTConfig | TTSConfig, given: Path | None, name: str) -> Path | None:
    """Return the folder of an engine's models that the settings choose; None: they choose none.

    Args:
        config: The stage's settings.
        given: Its `options.download_dir`.
        name: The engine's folder in `models.dir`.
    """
    if given is not None:
        return given.expanduser()
    return None if config.models_dir is None else config.models_dir / name


def model_folder(config: STTConfig | TTSConfig, given: Path | None, usual: Path) -> Path:
    """Return the folder of an engine's models.

    Args:
        config: The stage's settings.
        given: Its `options.download_dir`.
        usual: The folder in the user's cache; its last part is the name in `models.dir`.
    """
    return chosen_folder(config, given, usual.name) or user_cache() / usual
