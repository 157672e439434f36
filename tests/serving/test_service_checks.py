"""`--check` tries the store that servers share, and says what is to be done if it is not there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from serving.check_verdicts import table
from serving.command_line import run_check
from serving.stack_check import check
from tests.support.redis_server import redis_server
from tests.support.running_server import scripted_settings


async def test_a_store_that_works_is_told() -> None:
    async with redis_server("open-sesame") as redis:
        verdicts = await check(scripted_settings(limits={"store": redis.url}))
        assert await redis.ask("DBSIZE") == 0
    store = next(verdict for verdict in verdicts if verdict.stage == "Store")
    assert store.error is None
    assert store.first_result_ms is not None
    place = redis.url.removeprefix("unix://:open-sesame@")
    assert f"Store  {place} counts the sessions of all servers" in table(verdicts)


def test_a_store_that_is_not_there_fails_the_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"unix://:open-sesame@{tmp_path}/none.sock"
    assert run_check(scripted_settings(limits={"store": url})) == 1
    said = capsys.readouterr().out
    assert f"The store at {tmp_path}/none.sock cannot be used (Error 2 connecting to" in said
    assert "correct limits.store (REALTIME_LIMITS__STORE)" in said
    assert "sesame" not in said


async def test_a_password_that_is_wrong_is_told() -> None:
    async with redis_server("open-sesame") as redis:
        url = redis.url.replace("sesame", "barley")
        verdicts = await check(scripted_settings(limits={"store": url}))
    [error] = [verdict.error for verdict in verdicts if verdict.error]
    assert "invalid username-password pair" in error.message
    assert "barley" not in error.message


async def test_a_library_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    verdicts = await check(scripted_settings(limits={"store": "redis://localhost"}))
    [error] = [verdict.error for verdict in verdicts if verdict.error]
    assert error.message.startswith("limits.store needs the library 'redis': ")


async def test_without_a_store_none_is_tried() -> None:
    verdicts = await check(scripted_settings())
    assert [verdict.stage for verdict in verdicts] == ["TTS", "STT", "LLM"]
