"""What a user with a Chinese locale reads, from `-h` to the first conversation: no line is English.

Names stay as they are: settings, options, commands, models, events. So does what a provider or a
library says itself.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import main
import push_to_talk_app
import test_client
from config import Settings
from pipeline_manager import PipelineManager
from tests.support.places import ROOT
from tests.support.scripted_server import scripted_server
from tests.support.server_process import server_process

_NAMES = re.compile(
    r"""
      \S+://\S+
    | ["'`“][^"'`”]*["'`”]                             # what is quoted
    | \b(?:pip|uv|make|ollama|python|apt|pipx)\ [\w./=:'\ -]*   # commands
    """,
    re.VERBOSE,
)
_CHINESE = re.compile("[\u4e00-\u9fff]")
_WORDS = re.compile(r"\b[A-Za-z]+(?: [a-z]{2,})+\b")


def english(text: str) -> Iterator[str]:
    """Yield the lines that are English: two words in a row, or three beside Chinese."""
    for line in text.splitlines():
        bare = _NAMES.sub("…", line)
        longest = max((len(found.split()) for found in _WORDS.findall(bare)), default=0)
        if longest >= (3 if _CHINESE.search(bare) else 2):
            yield line


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("listen to other machines", True),
        ("  --port PORT  TCP port (default 8000)", True),
        ("  --port PORT  TCP 端口（默认 8000）", False),
        ("错误：there is no such setting", True),
        ("错误：请运行 pip install -r requirements/whisper.txt", False),
        ("session.created, response.done", False),
        ("  TTS  espeak-ng", False),
        ("听到“what is the weather like”", False),
    ],
)
def test_english_is_told_from_names(line: str, found: bool) -> None:
    assert bool([*english(line)]) == found


@pytest.mark.parametrize(
    "program", [main.main, test_client.main, push_to_talk_app.main], ids=lambda p: p.__module__
)
def test_the_help_is_chinese(
    program: Callable[[list[str]], object], chinese: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        program(["-h"])
    said = capsys.readouterr().out
    assert said.startswith("用法：")
    assert not [*english(said)]


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["--prot", "80"], {}),
        (["--port", "http"], {}),
        (["--profile", "lokal"], {}),
        (["--config", "none.toml"], {}),
        (["--host", "0.0.0.0"], {}),
        ([], {"REALTIME_SERVER__PROT": "80"}),
        ([], {"REALTIME_SERVER__PORT": "http"}),
        ([], {"REALTIME_SERVER__PORT": "70000"}),
        ([], {"REALTIME_SERVER__LOG_LEVEL": "loud"}),
        ([], {"REALTIME_API_KEYS": "short"}),
        ([], {"REALTIME_SERVER__ALLOWED_ORIGINS": '["app"]'}),
        ([], {"REALTIME_SERVER__WS_PATH": "/health"}),
        ([], {"REALTIME_LLM__OPTIONS": "{"}),
        ([], {"REALTIME_LLM__API_BASE": "localhost"}),
        ([], {"REALTIME_STT__PROVIDER": "wisper"}),
        ([], {"REALTIME_STT__PROVIDER": "own:Own"}),
        ([], {"REALTIME_STT__PROVIDER": "deepgram"}),
        ([], {"REALTIME_STT__LANGUAGE": "tlh"}),
        ([], {"REALTIME_LLM__PROVIDER": "openai"}),
        ([], {"REALTIME_TTS__MODEL": "large"}),
        ([], {"REALTIME_TTS__OPTIONS": '{"engin": "flite"}'}),
        ([], {"REALTIME_TTS__PROVIDER": "piper", "REALTIME_TTS__VOICE_ID": "lessac"}),
        ([], {"REALTIME_STT__PROVIDER": "whisper", "REALTIME_STT__MODEL": "huge"}),
    ],
    ids=str,
)
def test_a_wrong_setting_is_explained_in_chinese(
    arguments: list[str],
    variables: dict[str, str],
    chinese: None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(main, "configure_logging", lambda *_given: None)
    monkeypatch.setattr(main, "serve", lambda build, settings, *_: start(settings))
    for name, value in {"REALTIME_SERVER__PORT": "0", **variables}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as end:
        main.main(arguments)
    said = capsys.readouterr().err + ("" if isinstance(end.value.code, int) else str(end.value))
    assert "错误：" in said
    assert not [*english(said)]


def start(settings: Settings) -> int:
    """Load the providers, and fail as the server would."""
    asyncio.run(PipelineManager(settings).start())
    return 0


async def test_the_server_says_in_chinese_that_it_is_ready() -> None:
    async with server_process(LANGUAGE="zh_CN", REALTIME_LLM__PROVIDER="embedded") as server:
        server.process.terminate()
        assert server.process.stdout is not None
        said = (await server.process.stdout.read()).decode()
        await server.ended()
    assert _CHINESE.search(said)
    assert not [*english(said)]


def test_its_stack_is_checked_in_chinese(
    chinese: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "configure_logging", lambda *_given: None)
    for kind in ("STT", "LLM", "TTS"):
        monkeypatch.setenv(f"REALTIME_{kind}__PROVIDER", "scripted")
    with pytest.raises(SystemExit):
        main.main(["--check"])
    said = capsys.readouterr().out
    assert _CHINESE.search(said)
    assert not [*english(said)]


async def test_a_server_is_checked_in_chinese(
    chinese: None, capsys: pytest.CaptureFixture[str]
) -> None:
    wav = str(ROOT / "tests" / "data" / "flite-slt_s01.wav")
    async with scripted_server() as server:
        wanted = ["--url", server.url, "--wav", wav]
        assert await test_client.check(test_client.parse_arguments(wanted)) == 0
    said = capsys.readouterr().out
    assert "所有检查均已通过。" in said
    assert not [*english(said)]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--url", "ws://127.0.0.1:1/v1/realtime"],
        ["--url", "ftp://x"],
        ["--wav", "none.wav"],
        ["-i", "--url", "ws://127.0.0.1:1/v1/realtime"],
    ],
    ids=" ".join,
)
def test_why_nothing_can_be_checked_is_said_in_chinese(
    arguments: list[str], chinese: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert test_client.main(arguments) == 2
    said = capsys.readouterr().err
    assert _CHINESE.search(said)
    assert not [*english(said)]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--wav-in", "none.wav"],
        ["--tools", "none.json"],
        ["--url", "openai"],
        ["--url", "ftp://x"],
        [],
    ],
    ids=" ".join,
)
def test_why_there_is_no_talk_is_said_in_chinese(
    arguments: list[str],
    chinese: None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert push_to_talk_app.main(arguments) == 2
    said = capsys.readouterr().err
    assert _CHINESE.search(said)
    assert not [*english(said)]
