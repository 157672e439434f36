"""The ready-made stacks: each can be built as it stands, and does what its first lines promise."""

from __future__ import annotations

import tomllib
from urllib.parse import urlsplit

import pytest

from config import load_settings, profile_names
from pipeline_manager import PipelineManager
from settings.origins import is_loopback
from tests.support.places import ROOT

KEYS = ("DEEPGRAM_API_KEY", "OPENAI_API_KEY", "ELEVENLABS_API_KEY")
OVER_THE_NET = {
    "hosted": "Services on the Internet",
    "openai-compatible": "Three servers",
    "chinese-edge": "EVERY ANSWER IS SENT TO MICROSOFT",
}
"""A profile that sends what is said to others → how its first lines say so."""


def stack(name: str, monkeypatch: pytest.MonkeyPatch) -> PipelineManager:
    """Build the providers of a profile, none of which is started."""
    for key in KEYS:
        monkeypatch.setenv(key, "k" * 32)
    return PipelineManager(load_settings(None, name))


def elsewhere(address: str | None) -> bool:
    """Return whether the service of a stage is not on this machine."""
    return not is_loopback(urlsplit(address or "http://localhost").hostname or "")


@pytest.mark.parametrize("name", sorted({*profile_names()} - {*OVER_THE_NET}))
def test_nothing_is_sent_to_another_machine(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    built = stack(name, monkeypatch)
    assert not [one.label for one in (built.stt, built.llm, built.tts) if elsewhere(one.address)]


@pytest.mark.parametrize("name", sorted(OVER_THE_NET))
def test_what_sends_something_to_others_says_so_first(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = stack(name, monkeypatch)
    assert all(one.label for one in (built.stt, built.llm, built.tts))
    text = (ROOT / "profiles" / f"{name}.toml").read_text(encoding="utf-8")
    assert OVER_THE_NET[name] in text.partition("\n[")[0]


@pytest.mark.parametrize("name", sorted(set(profile_names()) & {"chinese", "chinese-edge"}))
def test_a_chinese_profile_hears_and_answers_chinese(name: str) -> None:
    settings = load_settings(None, name)
    assert settings.stt.language == "zh"
    assert "语音助手" in settings.llm.default_instructions


@pytest.mark.parametrize("name", profile_names())
def test_what_a_profile_names_for_a_language_hears_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (ROOT / "profiles" / f"{name}.toml").open("rb") as file:
        others = tomllib.load(file).get("languages", {})
    for language, other in others.items():
        # What is sent to nobody by the one is sent to nobody by the other.
        assert (name in OVER_THE_NET) == (other in OVER_THE_NET)
        monkeypatch.setenv("REALTIME_STT__LANGUAGE", language)
        heard = stack(name, monkeypatch).stt.languages
        assert heard is None or language in heard
        assert load_settings(None, name) == load_settings(None, other)


def test_local_speaks_chinese_with_models_made_for_it() -> None:
    settings = load_settings(None, "local", stt={"language": "zh"})
    assert (settings.stt.model, settings.tts.model) == ("sense-voice", "kokoro-v1.1-zh")
