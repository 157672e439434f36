"""The language models that `llm.provider` can name: each declares itself in its module here.

Other wings may enter by the modules in `__all__`.
"""

from __future__ import annotations

from typing import cast

from pipecat.utils.errors import ErrorCategory

from config import LLMConfig
from providers import registry
from providers.base import LLMProvider, ProviderSetupError
from providers.llm.custom import CustomLLM
from settings.localisation import _

_REFUSED = ErrorCategory.INVALID_REQUEST
_DEAF = (
    "It was given audio: if the model does not hear, switch llm.audio_input "
    "(REALTIME_LLM__AUDIO_INPUT) off."
)
"""What else may be wrong where a model that is to hear refuses a request."""


def load(config: LLMConfig) -> LLMProvider:
    """Build the configured provider; raises `ProviderSetupError`."""
    provider = checked(cast(LLMProvider, registry.load("llm", config, CustomLLM)), config)
    if config.audio_input:
        usual = provider.remedies.get(_REFUSED, "Check the model and options.")
        provider.remedies = {**provider.remedies, _REFUSED: f"{usual} {_DEAF}"}
    return provider


def checked(provider: LLMProvider, config: LLMConfig) -> LLMProvider:
    """Return a provider that can do what the settings ask of any.

    Raises:
        ProviderSetupError: It is to be given audio, and cannot; or is told what to do with audio
            that it is not given.
    """
    if config.noise_reduced and not config.audio_input:
        raise ProviderSetupError(
            _(
                "llm.noise_reduced has no meaning without llm.audio_input: switch that on, or "
                "unset it."
            )
        )
    if config.audio_input and not provider.hears_audio:
        raise ProviderSetupError(
            _(
                "llm.audio_input is on, but {model} (llm.provider '{provider}') cannot be given "
                "audio. Switch it off, or choose a model that hears by the provider 'openai' "
                "(vLLM and other servers of its API too), 'google', or one of your own."
            ).format(model=provider.label, provider=config.provider)
        )
    return provider


__all__ = ["model_base", "ollama_models"]
