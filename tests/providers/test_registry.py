"""What the registry finds, and how it refuses: the same for every provider that declares itself."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import pytest

from config import LLMConfig, STTConfig, TTSConfig
from providers import Provider, ProviderSetupError, llm, stt, tts
from settings.provider_declarations import Declaration, declarations

LOADERS: dict[str, Any] = {"stt": stt.load, "llm": llm.load, "tts": tts.load}
CONFIGS: dict[str, Any] = {"stt": STTConfig, "llm": LLMConfig, "tts": TTSConfig}
LIBRARIES = {
    "anthropic": "anthropic",
    "azure": "azure.cognitiveservices.speech",
    "deepgram": "deepgram.core.events",
    "edge": "edge_tts",
    "google": "google.genai.errors",
    "kokoro": "kokoro_onnx",
    "moonshine": "moonshine_voice",
    "piper": "piper",
    "sherpa": "sherpa_onnx",
    "whisper": "ctranslate2",
}
"""Provider → a module that only `requirements/NAME.txt` brings."""


def load(found: Declaration, **changed: Any) -> Provider:
    group = {"provider": found.name, "api_key": "a-key" if found.key_variable else None, **changed}
    provider: Provider = LOADERS[found.kind](CONFIGS[found.kind](**group))
    return provider


def each(*found: Declaration) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("found", found, ids=lambda found: f"{found.kind}-{found.name}")


@each(*(found for found in declarations() if found.extra))
def test_a_missing_package_is_answered_with_what_to_install(found, monkeypatch):
    library = LIBRARIES[found.name]
    for name in [*sys.modules]:
        if name.startswith(("providers.", "pipecat.services.")) and found.name in name:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, found.target.partition(":")[0], raising=False)
    with pytest.raises(ProviderSetupError) as refused:
        load(found)
    assert f"{found.kind.upper()} provider '{found.name}' needs the package" in str(refused.value)
    assert str(refused.value).endswith(f"pip install -r requirements/{found.name}.txt")


@each(*declarations())
def test_an_option_that_nobody_knows_is_answered_with_those_there_are(found, monkeypatch):
    monkeypatch.setenv("AZURE_SPEECH_REGION", "westeurope")
    module, _, name = found.target.partition(":")
    declared = getattr(import_module(module), name).declaration.options
    known = ", ".join(sorted(declared.model_fields)) if declared else "no options"
    with pytest.raises(ProviderSetupError) as refused:
        load(found, options={"no_such_thing": 1})
    assert str(refused.value) == (
        f"{found.kind}.options.no_such_thing: '{found.name}' has no such option; it takes {known} "
        f"(REALTIME_{found.kind.upper()}__OPTIONS)."
    )


@each(*(found for found in declarations() if found.key_variable))
def test_the_vendors_variable_holds_the_key_and_nobody_is_shown_it(found, monkeypatch):
    monkeypatch.setenv(str(found.key_variable), "from-the-vendors-variable")
    monkeypatch.setenv("AZURE_SPEECH_REGION", "westeurope")
    provider = load(found, api_key=None)
    assert provider.redacted("my from-the-vendors-variable") == "my ***"


@each(*(found for found in declarations() if found.key_variable))
def test_without_a_key_its_variable_is_named(found, monkeypatch):
    monkeypatch.delenv(str(found.key_variable), raising=False)
    with pytest.raises(ProviderSetupError, match=str(found.key_variable)):
        load(found, api_key=None)


@pytest.mark.parametrize("kind", LOADERS)
def test_a_name_that_no_provider_has_is_answered_with_the_names_there_are(kind):
    names = sorted(found.name for found in declarations() if found.kind == kind)
    with pytest.raises(ProviderSetupError, match=f"Choose one of {', '.join(names)}, or name"):
        LOADERS[kind](CONFIGS[kind](provider="acme"))


@pytest.mark.parametrize(
    ("provider", "named"),
    [
        (
            "no_such_module:Voice",
            "There is no module no_such_module for tts.provider .*: it is looked for in ",
        ),
        ("tests.providers.own_backends:Voice", "has no Voice; look at tts.provider"),
    ],
)
def test_a_class_that_is_not_there_is_named(provider, named):
    with pytest.raises(ProviderSetupError, match=named):
        tts.load(TTSConfig(provider=provider))
