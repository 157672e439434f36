"""Hugging Face's hub, without its library, which only some providers install: address and cache."""

from __future__ import annotations

import os
from pathlib import Path

HUB = "https://huggingface.co"


def hub_cache() -> Path:
    """Return where Hugging Face's library keeps what it downloads; the variables are its own."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or f"{home}/hub").expanduser()


def is_cached(repository: str, file: str, cache: Path) -> bool:
    """Return whether a file of a repository, `owner/name`, is in a cache of the library's."""
    folder = cache / f"models--{repository.replace('/', '--')}" / "snapshots"
    return any(folder.glob(f"*/{file}"))
