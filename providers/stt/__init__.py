"""The recognisers that `stt.provider` can name: each declares itself in its module here.

Other wings may enter by the modules in `__all__`.
"""

from __future__ import annotations

from typing import cast

from config import STTConfig
from providers import registry
from providers.base import STTProvider
from providers.stt.custom import CustomSTT


def load(config: STTConfig) -> STTProvider:
    """Build the configured provider; raises `ProviderSetupError`."""
    return cast(STTProvider, registry.load("stt", config, CustomSTT))


__all__ = ["one_turn", "segments", "streams", "turns", "whisper_models", "wishes"]
