"""`[stacks.NAME]`: where its settings come from, what it takes over, which names there may be."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from config import VENDOR_KEYS, ConfigError, Settings, load_settings
from tests.support.places import ROOT


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and none of the settings of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.upper().startswith("REALTIME_") or name in VENDOR_KEYS.values():
            monkeypatch.delenv(name)
    return tmp_path


def of_file(here: Path, text: str, **overrides: Any) -> Settings:
    path = here / "server.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, None, **overrides)


SERVER = """
[stt]
language = "de"
[llm]
provider = "openai"
model = "large"
api_base = "http://gpu:8002/v1"
api_key = "sk-of-the-gpu-1234"
temperature = 0.2
default_instructions = "You are the porter."
[vad]
threshold = 0.3
"""


def test_what_a_stack_does_not_say_is_said_by_the_server_s_own_tables(here: Path) -> None:
    settings = of_file(
        here,
        SERVER + '[stacks.fast.llm]\nmodel = "small"\n[stacks.fast.vad]\nsilence_duration_ms = 200',
    )
    fast = settings.of_stack("fast")
    assert (fast.llm.model, fast.llm.temperature) == ("small", 0.2)
    assert fast.llm.api_base == "http://gpu:8002/v1"
    assert fast.llm.resolved_key() == "sk-of-the-gpu-1234"
    assert fast.stt == settings.stt
    assert (fast.vad.threshold, fast.vad.silence_duration_ms) == (0.3, 200)
    assert fast.server is settings.server


def test_processors_are_the_server_s_but_where_a_stack_has_its_own_or_an_upstream(
    here: Path,
) -> None:
    settings = of_file(
        here,
        """
        [processors]
        before_voice = ["own:Polite"]
        [stacks.small.llm]
        model = "small"
        [stacks.other.processors]
        before_voice = ["own:Rude"]
        [stacks.direct.upstream]
        provider = "openai"
        url = "ws://other:8000/v1/realtime"
        """,
    )
    of_stack = {name: settings.of_stack(name).processors.before_voice for name in settings.stacks}
    assert of_stack == {"small": ["own:Polite"], "other": ["own:Rude"], "direct": []}


def test_of_another_provider_only_what_concerns_any_is_taken_over(here: Path) -> None:
    settings = of_file(
        here,
        SERVER
        + '[stacks.other.llm]\nprovider = "ollama"\n[stacks.other.stt]\nprovider = "whisper"\n',
    )
    other = settings.of_stack("other")
    assert (other.llm.model, other.llm.api_base, other.llm.api_key) == (None, None, None)
    assert (other.llm.temperature, other.llm.default_instructions) == (None, "You are the porter.")
    assert other.stt.language == "de"


def test_a_key_is_not_sent_to_another_address(here: Path) -> None:
    text = SERVER + '[stacks.away.llm]\napi_base = "http://elsewhere/v1"\n'
    llm = of_file(here, text).of_stack("away").llm
    assert (llm.api_key, llm.model) == (None, "large")


def test_a_provider_that_the_server_has_by_default_is_the_same_one() -> None:
    settings = load_settings(
        stt={"model": "base"}, stacks={"own": {"stt": {"provider": "embedded"}}}
    )
    assert settings.of_stack("own").stt.model == "base"


def test_a_profile_brings_its_models_and_single_settings_win_over_it(here: Path) -> None:
    settings = of_file(
        here,
        '[llm]\nprovider = "ollama"\nmodel = "mistral"\napi_base = "http://gpu:11434"\n'
        '[stacks.zh]\nprofile = "chinese"\n[stacks.zh.tts]\nvoice_id = "zf_001"\n',
    )
    chinese = settings.of_stack("zh")
    assert (chinese.stt.provider, chinese.stt.language) == ("sherpa", "zh")
    assert (chinese.llm.model, chinese.llm.api_base) == ("qwen2.5", "http://gpu:11434")
    assert (chinese.tts.model, chinese.tts.voice_id) == ("kokoro-v1.1-zh", "zf_001")


def test_a_stage_with_another_provider_than_the_profile_s_takes_nothing_from_it() -> None:
    stack = {"profile": "chinese", "tts": {"provider": "edge"}}
    tts = load_settings(stacks={"zh": stack}).of_stack("zh").tts
    assert (tts.provider, tts.model) == ("edge", None)


def test_a_profile_is_another_one_in_another_language() -> None:
    stack = {"profile": "local", "stt": {"language": "zh"}}
    assert load_settings(stacks={"zh": stack}).of_stack("zh").stt.provider == "sherpa"


def test_a_profile_s_language_is_its_own() -> None:
    settings = load_settings(stt={"language": "zh"}, stacks={"en": {"profile": "embedded"}})
    assert settings.of_stack("en").stt.language is None


def test_variables_say_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALTIME_STACKS__FAST__LLM__MODEL", "123")
    monkeypatch.setenv("REALTIME_STACKS__FAST__LLM__OPTIONS", '{"text": "x"}')
    monkeypatch.setenv("REALTIME_STACKS__ZH-CN__PROFILE", "chinese")
    settings = load_settings()
    assert list(settings.stacks) == ["fast", "zh-cn"]
    assert settings.of_stack("fast").llm.model == "123"
    assert settings.of_stack("fast").llm.options == {"text": "x"}
    assert settings.of_stack("zh-cn").llm.provider == "ollama"


@pytest.mark.parametrize(
    ("stacks", "named"),
    [
        ({"Fast": {}}, "'Fast' cannot be the name of a stack"),
        ({"a__b": {}}, "'a__b' cannot be the name of a stack"),
        ({"-a": {}}, "'-a' cannot be the name of a stack"),
        ({"a" * 65: {}}, "cannot be the name of a stack"),
        ({"default": {}}, "no stack may be called 'default'"),
        (
            {"x": {"llm": {"modle": "y"}}},
            "stacks.x.llm.modle: there is no setting of that name.",
        ),
        ({"x": {"lmm": {}}}, "stacks.x.lmm: there is no setting of that name. Did you mean llm?"),
        ({"x": {"vad": {"threshold": 7}}}, "stacks.x.vad.threshold: must be at most 1, not 7"),
        ({"x": 3}, "stacks.x: must be a table"),
        ({"x": {"profile": "lokal"}}, "Did you mean local? Choose one of"),
        ({"x": {"profile": "lokal"}}, "(stacks.x.profile)"),
    ],
)
def test_what_cannot_be_is_named_with_its_table(stacks: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(stacks=stacks)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_that_are_no_json_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALTIME_STACKS__FAST__LLM__OPTIONS", '{"text')
    with pytest.raises(ConfigError, match="REALTIME_STACKS__FAST__LLM__OPTIONS"):
        load_settings()


@pytest.mark.parametrize("name", ["gpt-realtime", "whisper-1", "a.b_c-9"])
def test_names_of_models_will_do(name: str) -> None:
    assert list(load_settings(stacks={name: {}}).stacks) == [name]


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_example_in_the_readme_is_one(here: Path, readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    [example] = [one for one in re.findall(r"```toml\n(.*?)```", text, re.S) if "[stacks." in one]
    settings = of_file(here, example)
    assert settings.of_stack("llama").llm.model == "llama3.2"
    assert settings.of_stack("patient").vad.silence_duration_ms == 1200
    assert settings.of_stack("patient").llm == settings.llm


def test_a_stack_whose_model_does_not_hear_takes_over_nothing_of_one_that_does(here: Path) -> None:
    settings = of_file(
        here,
        """
[llm]
provider = "openai"
model = "hears"
api_base = "http://gpu:8002/v1"
audio_input = true
options = {audios = 2, messages = "system_first"}
[stacks.deaf.llm]
model = "reads"
audio_input = false
[stacks.hears.llm]
model = "hears-too"
""",
    )
    assert settings.of_stack("deaf").llm.options == {"messages": "system_first"}
    assert settings.of_stack("hears").llm.options["audios"] == 2
