"""What the server says when it is ready: where it is, what answers, and what to do next."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from config import VERSION, Settings, load_settings
from pipeline_manager import PipelineManager
from serving.addresses import Addresses, place
from serving.banner import WIDTH, banner
from serving.ollama_offer import OllamaHere
from serving.stacks import Stacks
from settings import installation
from tests.support.keys import KEY
from tests.support.running_server import scripted_settings
from tests.support.server_process import server_process

USUAL = Addresses("localhost:8000", "/v1/realtime")
OLLAMA = OllamaHere("http://127.0.0.1:11434", "qwen3:8b")


def said(
    settings: Settings | None = None,
    addresses: Addresses | None = USUAL,
    ollama: OllamaHere | None = None,
) -> str:
    settings = settings or load_settings(stt={"provider": "scripted"}, tts={"provider": "scripted"})
    text = banner(settings, Stacks(settings), addresses, ollama)
    assert settings.server.log_json or all(len(line) <= WIDTH for line in text.splitlines())
    return text


def test_it_has_the_version_the_addresses_and_the_stack():
    text = said()
    assert text.startswith(f"Open Realtime Server {VERSION}\n")
    assert "  ws://localhost:8000/v1/realtime\n" in text
    assert '  base_url="http://localhost:8000/v1"\n' in text
    assert "  http://localhost:8000/\n" in text
    for kind in ("VAD", "STT", "LLM", "TTS"):
        assert f"\n  {kind}  " in text


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "localhost:9000"),
        ("0.0.0.0", "localhost:9000"),
        ("::", "localhost:9000"),
        ("::1", "localhost:9000"),
        ("192.168.1.7", "192.168.1.7:9000"),
        ("fd00::7", "[fd00::7]:9000"),
        ("voice.example", "voice.example:9000"),
    ],
)
def test_a_host_is_written_so_that_a_client_can_use_it(host: str, shown: str):
    assert place(host, 9000) == shown
    settings = scripted_settings(server={"host": host, "insecure": True})
    text = said(settings, Addresses(place(host, 9000), "/v1/realtime"))
    assert f"ws://{shown}/v1/realtime" in text
    assert ("by this machine's name" in text) == (host in ("0.0.0.0", "::"))


def test_a_path_that_the_sdk_cannot_ask_for_is_not_told_as_its_base_url():
    assert "base_url" not in said(addresses=replace(USUAL, path="/chosen"))
    assert 'base_url="http://localhost:8000/x"' in said(
        addresses=replace(USUAL, path="/x/realtime")
    )


@pytest.mark.parametrize(
    ("checkout", "commands"),
    [(True, ("make try", "make talk")), (False, ("open-realtime-check", "open-realtime-talk"))],
)
def test_the_next_commands_need_nothing_activated(checkout, commands, monkeypatch, tmp_path):
    monkeypatch.setattr(installation, "REQUIREMENTS", tmp_path if checkout else tmp_path / "none")
    next_lines = [line for line in said().splitlines() if line.startswith(f"  {commands[0]} ")]
    next_lines += [line for line in said().splitlines() if line.startswith(f"  {commands[1]} ")]
    assert len(next_lines) == 2
    assert "--url" not in said()
    elsewhere = said(addresses=replace(USUAL, place="localhost:9000"))
    for command in commands:
        assert command in elsewhere
    assert elsewhere.count("--url ws://localhost:9000/v1/realtime") == 2


def test_where_keys_are_needed_the_client_s_variable_is_named():
    assert "OPENAI_API_KEY" not in said()
    text = said(scripted_settings(server={"api_keys": [KEY]}))
    assert "OPENAI_API_KEY" in text
    assert KEY not in text


def test_a_script_is_said_to_be_played():
    text = said(load_settings(server={"testing": True}))
    assert "\n  test     a script is played: POST /testing/script\n" in text
    assert "testing" not in said()


def test_without_an_address_only_the_path_is_said():
    text = said(addresses=None)
    assert "  /v1/realtime, " in text
    assert "ws://" not in text


@pytest.mark.parametrize(
    ("ollama", "commands"),
    [
        (OLLAMA, ["REALTIME_LLM__PROVIDER=ollama REALTIME_LLM__MODEL=qwen3:8b make run"]),
        (
            OllamaHere("http://127.0.0.1:9999", "qwen3:8b"),
            [
                "REALTIME_LLM__API_BASE=http://127.0.0.1:9999 \\",
                "REALTIME_LLM__PROVIDER=ollama REALTIME_LLM__MODEL=qwen3:8b make run",
            ],
        ),
        (
            OllamaHere("http://127.0.0.1:11434", None),
            [
                "ollama pull llama3.2",
                "REALTIME_LLM__PROVIDER=ollama REALTIME_LLM__MODEL=llama3.2 make run",
            ],
        ),
        (
            None,
            [
                "ollama pull llama3.2",
                "REALTIME_LLM__PROVIDER=ollama REALTIME_LLM__MODEL=llama3.2 make run",
                "REALTIME_LLM__MODEL=/path/to/model.gguf make run",
            ],
        ),
    ],
)
def test_a_real_model_is_offered_where_rules_answer(ollama, commands):
    text = said(ollama=ollama)
    lines = [line.strip() for line in text.splitlines()]
    assert [line for line in lines if line in commands] == commands
    assert "Rules" not in said(scripted_settings(), ollama=ollama)


def test_a_long_label_is_folded():
    settings = scripted_settings()
    manager = PipelineManager(settings)
    described = manager.describe()
    manager.describe = lambda: {**described, "STT": "long words " * 20}  # type: ignore[method-assign]
    text = banner(settings, Stacks(settings, manager), USUAL, None)
    assert all(len(line) <= WIDTH for line in text.splitlines())


def test_other_stacks_are_told_by_what_differs():
    stacks = {
        "slow": {"vad": {"silence_duration_ms": 900}},
        "alias": {},
        "other": {"llm": {"options": {"text": "words"}, "default_instructions": "Be brief."}},
        "calm": {"turns": {"rejoin_ms": 300}, "vad": {"prefix_padding_ms": 100}},
        "plain": {"processors": {"before_voice": []}, "stt": {"noise_reduced": True}},
        "spoken": {"tts": {"voice_id": "ash", "api_key": "a-key-of-someone"}},
    }
    own = {"before_voice": ["tests.own_processors.people:Louder"]}
    text = said(scripted_settings(stacks=stacks, processors=own))
    rows = [line.split(maxsplit=1) for line in text.splitlines() if "?model=" in line]
    assert rows == [
        ["?model=slow", "VAD Silero (threshold 0.5, 900 ms of silence end a turn)"],
        ["?model=alias", "as above"],
        ["?model=other", "llm.options; llm.default_instructions"],
        ["?model=calm", "vad.prefix_padding_ms = 100; turns.rejoin_ms = 300"],
        ["?model=plain", "no processors; stt.noise_reduced = true"],
        ["?model=spoken", "tts.api_key; tts.voice_id = ash"],
    ]
    line = json.loads(said(scripted_settings(server={"log_json": True}, stacks=stacks)))
    assert [*line["stacks"]] == [*stacks]


def test_stacks_on_one_host_are_told_apart_by_their_addresses():
    llm = {"provider": "openai", "model": "alpha", "api_base": "http://gpu:8001/v1"}
    other = {"llm": {"api_base": "http://somebody:secret@gpu:8002/v1"}}
    text = said(scripted_settings(llm=llm, stacks={"other": other}))
    (row,) = [line.split(maxsplit=1) for line in text.splitlines() if "?model=" in line]
    assert row == ["?model=other", "llm.api_base = gpu:8002/v1"]


def test_beside_a_log_of_json_it_is_a_line_of_json():
    line = json.loads(said(scripted_settings(server={"log_json": True})))
    assert {"time", "level", "message", "event", "address", "stack", "stacks"} == set(line)
    assert line["address"] == "ws://localhost:8000/v1/realtime"


async def test_all_that_a_server_with_a_log_of_json_writes_is_json():
    variables: dict[str, Any] = {"REALTIME_SERVER__LOG_JSON": "true"}
    async with server_process(**variables) as server:
        server.process.terminate()
        assert server.process.stdout is not None
        rest = (await server.process.stdout.read()).decode()
        await server.ended()
        for line in [*rest.splitlines(), *server.logged().splitlines()]:
            json.loads(line)


def test_who_is_not_understood_is_told_what_understands_them(chinese: None):
    english = load_settings(stt={"provider": "embedded", "options": {"engine": "pocketsphinx"}})
    assert "PROFILE=offline" in said(english)
    assert "PROFILE=offline" not in said()


def test_nobody_is_told_so_in_english():
    english = load_settings(stt={"provider": "embedded", "options": {"engine": "pocketsphinx"}})
    assert "PROFILE=offline" not in said(english)
