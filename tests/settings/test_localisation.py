"""Tests for the language of what people read."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys

import pytest

from settings import localisation
from settings.localisation import _, in_english, language_of, spoken_by_user
from tests.support.places import ROOT
from tests.support.running_server import plain_http, running, scripted_settings


@pytest.mark.parametrize(
    ("environment", "system", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, None, "zh_CN"),
        ({"LANG": "zh"}, None, "zh_CN"),
        ({"LANG": "zh-Hans"}, None, "zh_CN"),
        ({"LANG": "zh_SG.UTF-8"}, None, "zh_CN"),
        ({"LANG": "zh_TW.UTF-8"}, None, "zh_CN"),
        ({"LANG": "zh_CN.GBK@currency=CNY"}, None, "zh_CN"),
        ({"LANG": "en_GB.UTF-8"}, None, None),
        ({"LANG": "de_DE.UTF-8"}, None, None),
        ({"LANG": "C.UTF-8"}, "zh_CN", None),
        ({"LANG": "POSIX"}, None, None),
        ({}, None, None),
        ({}, "zh_CN", "zh_CN"),
        ({"LANG": ""}, "zh_CN", "zh_CN"),
        ({"LANG": "en_US.UTF-8"}, "zh_CN", None),
        ({"LC_ALL": "en_US.UTF-8", "LANG": "zh_CN.UTF-8"}, None, None),
        ({"LC_MESSAGES": "zh_CN.UTF-8", "LANG": "en_US.UTF-8"}, None, "zh_CN"),
        ({"LANGUAGE": "de:zh_CN:en", "LANG": "de_DE.UTF-8"}, None, "zh_CN"),
        ({"LANGUAGE": "en:zh_CN", "LANG": "zh_CN.UTF-8"}, None, None),
    ],
)
def test_the_language_is_the_one_that_the_environment_names_first(
    environment: dict[str, str], system: str | None, language: str | None
) -> None:
    assert language_of(environment, system) == language


def test_a_text_without_a_translation_is_shown_as_it_stands_in_the_code(chinese: None) -> None:
    assert _("no catalogue has this text {name}").format(name="x") == (
        "no catalogue has this text x"
    )


def test_a_text_with_a_translation_is_shown_in_it(chinese: None) -> None:
    assert _("error: {error}").format(error="x") == "错误：x"


async def test_what_is_not_for_terminals_is_english_also_in_tasks(chinese: None) -> None:
    async def say() -> str:
        return _("error: {error}")

    with in_english():
        assert _("error: {error}") == "error: {error}"
        task = asyncio.create_task(say())
    assert await task == "error: {error}"
    assert await say() == "错误：{error}"


async def test_clients_are_told_in_english_what_is_in_use(chinese: None) -> None:
    settings = scripted_settings(llm={"provider": "embedded"})
    async with running(settings) as server, plain_http() as http:
        found = (await http.get(f"{server.http}/v1/models/gpt-realtime")).json()
    assert "rule-based assistant" in found["stack"]["llm"]


def test_the_users_language_is_one_that_there_is_a_catalogue_for(chinese: None) -> None:
    assert spoken_by_user() == "zh"


def help_of(**environment: str) -> subprocess.CompletedProcess[bytes]:
    kept = {k: v for k, v in os.environ.items() if k not in localisation.VARIABLES}
    return subprocess.run(
        [sys.executable, "test_client.py", "-h"],
        cwd=ROOT,
        env={**kept, "PYTHON_COLORS": "0", **environment},
        capture_output=True,
        timeout=60,
        check=True,
    )


def test_a_terminal_without_chinese_characters_gets_english() -> None:
    said = help_of(LANG="zh_CN.UTF-8", PYTHONIOENCODING="ascii").stdout
    assert b"usage: test_client.py" in said
    said = help_of(LANG="zh_CN.GBK", PYTHONIOENCODING="gbk").stdout
    assert "用法：test_client.py" in said.decode("gbk")


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["--port"],
        ["--port", "x"],
        ["--port", "1", "--theme", "blue"],
        ["--port", "1", "--none"],
        ["--port", "1", "--th", "dark"],
        ["--port", "1", "--fast", "--slow"],
        ["--port", "1", "--fast=2"],
        ["--port", "1", "--two", "2"],
    ],
    ids=" ".join,
)
def test_what_argparse_itself_says_is_translated(
    wrong: list[str], chinese: None, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser(prog="x")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--theme", choices=["dark", "light"])
    parser.add_argument("--then")
    parser.add_argument("--two", nargs=2)
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--fast", action="store_true")
    either.add_argument("--slow", action="store_true")
    with pytest.raises(SystemExit):
        parser.parse_args(wrong)
    said = capsys.readouterr().err
    assert said.startswith("用法：x [-h]")
    error = said.splitlines()[-1]
    assert error.startswith("x：错误：")
    assert not re.search(r"[a-z]+ [a-z]+", error), error
