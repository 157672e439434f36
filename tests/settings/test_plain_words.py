"""What is said of a setting that cannot be used: plain words, and what was probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from config import (
    ConfigError,
    LLMConfig,
    Settings,
    StackConfig,
    STTConfig,
    TTSConfig,
    load_settings,
)
from providers import llm, stt, tts
from providers.base import ProviderSetupError
from settings.group import Group
from settings.mcp_settings import McpServerConfig
from settings.plain_words import meant

JARGON = re.compile(
    r"pattern|parse|string|integer|boolean|dictionary|instance|valid (number|list)|[Ii]nput"
    r"|validation|[\^$\\]|\(\?|Value error|EnvSettings"
)
"""What only programmers say."""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("REALTIME_PROFILE", "REALTIME_CONFIG", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def problem(*args: Any, **overrides: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(*args, **overrides)
    return str(caught.value)


def groups(of: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in of.model_fields.items():
        model: object = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield name, model


def every_group() -> list[tuple[str, type[BaseModel]]]:
    of_stacks = [(f"stacks.fast.{name}", model) for name, model in groups(StackConfig)]
    return [*groups(Settings), *of_stacks, ("mcp.servers.own", McpServerConfig)]


def all_settings() -> list[tuple[str, str]]:
    return [(group, name) for group, model in every_group() for name in model.model_fields]


def numbers() -> list[tuple[str, str]]:
    """Return the settings that are numbers, or lists of them."""
    return [
        (group, name)
        for group, model in every_group()
        for name, field in model.model_fields.items()
        if re.search(r"\b(int|float)\b", str(field.annotation))
    ]


NEEDED: dict[str, dict[str, Any]] = {"mcp.servers.own": {"url": "http://tools.example/mcp"}}
"""Group → what is always to be set in it."""


def nested(group: str, tables: dict[str, Any]) -> dict[str, Any]:
    for part in reversed(group.split(".")):
        tables = {part: tables}
    return tables


WRONG: list[Any] = ["nonsense", "", -1, 1e12, 2.5, True, [], [1], {}, {"a": "b"}, None]


@pytest.mark.parametrize(("group", "name"), all_settings())
def test_no_value_of_any_setting_is_answered_in_a_programmer_s_words(group: str, name: str) -> None:
    refused = 0
    for value in WRONG:
        try:
            load_settings(**nested(group, {**NEEDED.get(group, {}), name: value}))
        except ConfigError as error:
            refused += 1
            # What was written is quoted, and may be anything.
            said = str(error).replace(repr(value), "")
            assert f"{group}.{name}" in said or (group in NEEDED and group in said)
            said = said.replace(f"{group}.{name}", "")
            assert not JARGON.search(said), said
    assert refused


@pytest.mark.parametrize(("group", "name"), numbers())
def test_true_is_no_number(group: str, name: str) -> None:
    for value in (True, False):
        tables = nested(group, {**NEEDED.get(group, {}), name: value})
        said = problem(**tables)
        assert f"{group}.{name}: must be a " in said
        assert "number" in said


def test_true_is_no_number_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("[mcp]\nmax_processes = true\n")
    assert "mcp.max_processes: must be a whole number, not True" in problem(file)


@pytest.mark.parametrize("value", [True, [1, True], {"a": [True]}])
def test_true_is_no_number_in_a_list_or_a_table(value: Any) -> None:
    class Odd(Group):
        some: float | list[float] | dict[str, list[float]]
        switches: list[bool] = Field(default_factory=lambda: [True])

    with pytest.raises(ValidationError):
        Odd(some=value)
    assert Odd(some={"a": [1]}, switches=[False]).some == {"a": [1]}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"server": {"port": "many"}}, "must be a whole number, not 'many'"),
        ({"server": {"port": 70000}}, "must be at most 65535, not 70000"),
        ({"server": {"debug": "maybe"}}, "must be true or false, not 'maybe'"),
        ({"server": {"secret": "short"}}, "must have at least 16 characters"),
        ({"vad": {"threshold": "x"}}, "must be a number, not 'x'"),
        ({"vad": {"type": "server_vda"}}, "'none', not 'server_vda'. Did you mean server_vad?"),
        ({"llm": {"timeout_s": 0}}, "must be more than 0, not 0"),
        ({"llm": {"api_base": "localhost:1"}}, "must begin with http://"),
        ({"llm": "x"}, "must be a table of names and values"),
        ({"llm": {"modle": "x"}}, "no setting of that name. Did you mean model?"),
    ],
)
def test_it_is_said_what_a_value_must_be(overrides: dict[str, Any], said: str) -> None:
    assert said in problem(**overrides)


@pytest.mark.parametrize(
    ("name", "value"),
    [("REALTIME_LLM__OPTIONS", "{x"), ("REALTIME_STT", "x"), ("REALTIME_TTS__OPTIONS", "rate=2")],
)
def test_a_variable_that_should_hold_json_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REALTIME_VAD__THRESHOLD", "0.4")
    monkeypatch.setenv(name, value)
    said = problem()
    assert f"Bad setting {name}: it must hold JSON" in said
    assert not JARGON.search(said)


@pytest.mark.parametrize(
    ("variable", "right"),
    [
        ("REALTIME_API_KEY", "REALTIME_API_KEYS"),
        ("REALTIME_PROFIL", "REALTIME_PROFILE"),
        ("REALTIME_LLM_MODEL", "REALTIME_LLM__MODEL"),
        ("REALTIME_LMM__PROVIDER", "REALTIME_LLM__PROVIDER"),
        ("REALTIME_SERVR__API_KEYS", "REALTIME_SERVER__API_KEYS"),
    ],
)
def test_a_misspelt_variable_is_answered_with_the_right_one(
    variable: str, right: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "x")
    assert f"Did you mean {right}?" in problem()


def test_a_misspelt_profile_or_table_is_answered_with_the_right_one(tmp_path: Path) -> None:
    assert "Did you mean hosted?" in problem(None, "hostd")
    file = tmp_path / "my.toml"
    file.write_text('[llmm]\nmodel = "x"\n')
    assert "Did you mean llm?" in problem(file)


@pytest.mark.parametrize(
    ("load", "config", "said"),
    [
        (llm.load, LLMConfig(provider="olama"), "Did you mean ollama?"),
        (stt.load, STTConfig(provider="wisper"), "Did you mean whisper?"),
        (tts.load, TTSConfig(provider="openay"), "Did you mean openai?"),
        (
            llm.load,
            LLMConfig(options={"first_tokn_ms": 1}),
            "Did you mean first_token_ms?",
        ),
        (
            llm.load,
            LLMConfig(provider="ollama", options={"messages": "alt"}),
            "must be one of 'as_written', 'alternating', 'strictest'",
        ),
        (llm.load, LLMConfig(options={"first_token_ms": True}), "must be a number"),
        (tts.load, TTSConfig(provider="edge", options={"pitch": "high"}), "such as +10Hz or -10Hz"),
        (tts.load, TTSConfig(provider="edge", options={"volume": "5"}), "such as +10% or -10%"),
        (tts.load, TTSConfig(options={"engine": "fliet"}), "Did you mean flite?"),
    ],
)
def test_providers_and_their_options_are_answered_alike(load: Any, config: Any, said: str) -> None:
    with pytest.raises(ProviderSetupError) as caught:
        load(config)
    assert said in str(caught.value)
    assert not JARGON.search(str(caught.value))


def test_what_is_like_nothing_is_answered_with_no_guess() -> None:
    assert meant("zzz", ["model", "provider"]) == ""
    assert meant("Modle", ["model", "provider"]) == " Did you mean model?"
