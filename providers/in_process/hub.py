"""Hugging Face's hub, without its library, which only some providers install: address and cache."""

from __future__ import annotations

import os
from pathlib import Path

from providers.in_process.model_places import user_cache

HUB = "https://huggingface.co"


def hub_cache() -> Path:
    """Return where Hugging Face's library keeps what it downloads; the variables are its own."""
    home = os.environ.get("HF_HOME") or f"{user_cache()}/huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or f"{home}/hub").expanduser()


def is_cached(repository: str, file: str, cache: Path) -> bool:
    """Return whether a file of a repository, `owner/name`, is in a cache of the library's."""
    folder = cache / f"models--{repository.replace('/', '--')}" / "snapshots"
    return any(folder.glob(f"*/{file}"))
