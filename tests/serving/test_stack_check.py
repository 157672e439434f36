"""`--check` says of every stage whether it works, and if not, why and what to do."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from config import load_settings
from serving.check_verdicts import table
from serving.command_line import run_check
from serving.stack_check import check
from tests.providers.fakes.hearing_chat import HearingChat
from tests.support.fake_openai import FakeOpenAI
from tests.support.running_server import SCRIPTED, serving

KEY = "sk-very-secret-1234"
RECORDED = "tests.providers.recorded_voice:RecordedVoice"


async def checked(**groups: Any) -> tuple[dict[str, Any], str]:
    """Verdicts by stage, and the table."""
    verdicts = await check(load_settings(**{**SCRIPTED, **groups}))
    return {verdict.stage: verdict for verdict in verdicts}, table(verdicts)


async def test_a_stack_that_works_says_how_long_its_first_results_took():
    verdicts, text = await checked()
    assert list(verdicts) == ["TTS", "STT", "LLM"]
    assert all(verdict.error is None for verdict in verdicts.values())
    assert "heard “hello there”" in text
    assert text.count(" ms") == 3


def test_the_command_line_prints_the_table_and_its_status_says_whether_all_is_well(capsys):
    assert run_check(load_settings(**SCRIPTED)) == 0
    assert "TTS  scripted" in capsys.readouterr().out
    broken = {**SCRIPTED, "llm": {"provider": "scripted", "options": {"fail": "start"}}}
    assert run_check(load_settings(**broken)) == 1
    assert "LLM scripted failed" in capsys.readouterr().out


def test_every_stack_is_checked_and_what_they_share_once(capsys: pytest.CaptureFixture[str]):
    broken = {"llm": {"options": {"fail": "start"}}}
    assert run_check(load_settings(**SCRIPTED, stacks={"odd": broken})) == 1
    rows, notes = (part.splitlines() for part in capsys.readouterr().out.split("\n\n"))
    stages = ["TTS (default, odd)", "STT (default, odd)", "LLM (default)", "LLM (odd)"]
    assert [row.partition("  ")[0] for row in rows[1:]] == stages
    assert notes[-1].startswith("LLM (odd)  LLM scripted failed")


@pytest.mark.parametrize(
    ("status", "remedy"),
    [(401, "api_key"), (404, "model"), (429, "limits"), (500, "try again later")],
)
async def test_a_refusal_is_told_with_its_remedy(status, remedy):
    fake = FakeOpenAI()
    fake.status = status
    async with serving(fake.app) as port:
        group = {
            "provider": "openai",
            "api_base": f"http://127.0.0.1:{port}/v1",
            "api_key": KEY,
            "retries": 0,
        }
        verdicts, text = await checked(stt=group, llm=group, tts=group)
    for verdict in verdicts.values():
        assert (verdict.reachable, verdict.first_result_ms) == ("yes", None)
        assert "the fake refuses" in verdict.error.message
        assert remedy in verdict.error.message
    assert KEY not in text


async def test_a_server_that_is_down_is_not_reachable():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    verdicts, _text = await checked(llm={"provider": "openai", "api_base": base, "retries": 0})
    assert verdicts["LLM"].reachable == "no"
    assert "api_base" in verdicts["LLM"].error.message
    assert verdicts["TTS"].error is None


async def test_a_stage_that_cannot_start_leaves_the_others_to_be_tried():
    verdicts, text = await checked(tts={"provider": "nobody"})
    assert "There is no TTS provider 'nobody'" in verdicts["TTS"].error.message
    assert verdicts["TTS"].reachable == "-"
    assert "no voice to listen to" in text
    assert verdicts["LLM"].error is None


async def test_a_key_that_a_service_quotes_is_struck_out():
    fake = FakeOpenAI()
    fake.status = 401
    fake.refusal = f"Incorrect API key provided: {KEY}"
    async with serving(fake.app) as port:
        base = f"http://127.0.0.1:{port}/v1"
        _verdicts, text = await checked(
            llm={"provider": "openai", "api_base": base, "api_key": KEY, "retries": 0}
        )
    assert "Incorrect API key" in text
    assert KEY not in text


@pytest.mark.parametrize(
    ("transcript", "right", "understood"),
    [
        ("hello this is a short test of the voice", 9, True),
        ("Hello, this is a short test of the boys.", 8, True),
        ("hell oh this is short text of the boys", 5, False),
        ("", 0, False),
    ],
)
async def test_a_stack_that_mishears_itself_does_not_work(transcript, right, understood):
    fake = FakeOpenAI()
    fake.transcript = transcript
    async with serving(fake.app) as port:
        group = {"provider": "openai", "api_base": f"http://127.0.0.1:{port}/v1"}
        verdicts, text = await checked(stt=group, tts=group)
    assert f"{right} of 9 words right" in text
    assert (verdicts["STT"].error is None) == understood
    assert ("stt.language" in text) != understood


async def test_the_sentence_is_one_in_the_language_of_the_recogniser():
    fake = FakeOpenAI()
    fake.transcript = "你好今天的天气怎么样"
    async with serving(fake.app) as port:
        group = {"provider": "openai", "api_base": f"http://127.0.0.1:{port}/v1"}
        verdicts, text = await checked(stt={**group, "language": "zh-CN"}, tts=group)
        assert verdicts["STT"].error is None
        assert "10 of 10 words right" in text
        # There is no sentence in this language: what comes is shown, and not judged.
        verdicts, text = await checked(stt={**group, "language": "sw"}, tts=group)
    assert verdicts["STT"].error is None
    assert "words right" not in text


async def checked_hearing(**faults: Any) -> tuple[Any, str, HearingChat]:
    """The verdict on a model that hears, where the voice is a recording's."""
    fake = HearingChat()
    for name, value in faults.items():
        setattr(fake, name, value)
    async with serving(fake.app) as port:
        llm = {"provider": "openai", "api_base": f"http://127.0.0.1:{port}/v1", "audio_input": True}
        verdicts, text = await checked(llm=llm, tts={"provider": RECORDED})
    assert fake.refused == []
    return verdicts["LLM"], text, fake


async def test_a_model_that_hears_is_tried_by_ear():
    verdict, text, fake = await checked_hearing(says="Hello, this is a short test of a voice.")
    assert verdict.error is None
    assert "heard the voice and repeated “Hello, this is" in text
    assert "8 of 9 words right" in text
    assert fake.heard == [["flite-rms_s06"]]


async def test_a_server_that_ignores_audio_is_found_out():
    verdict, _text, _fake = await checked_hearing(says="Please say something!")
    assert verdict.reachable == "yes"
    assert "ignore audio" in verdict.error.message
    assert "llm.model" in verdict.error.message


async def test_a_model_that_cannot_hear_is_named_and_the_others_are_tried():
    llm = {"provider": "ollama", "audio_input": True}
    verdicts, _text = await checked(llm=llm)
    assert "llm.audio_input" in verdicts["LLM"].error.message
    assert verdicts["TTS"].error is None


async def test_without_a_voice_a_model_that_hears_is_tried_by_text():
    llm = {**SCRIPTED["llm"], "audio_input": True}
    verdicts, text = await checked(llm=llm, tts={"provider": "nobody"})
    assert verdicts["LLM"].error is None
    assert "it was given no audio" in text
