"""The check at the console: one at a time, with the providers that are running, until a drain."""

from __future__ import annotations

import asyncio

from pipeline_manager import PipelineManager
from providers.base import STTProvider
from tests.support.running_server import plain_http, running, scripted_settings


async def test_it_tells_of_every_stage_what_became_of_it():
    settings = scripted_settings(llm={"provider": "scripted", "options": {"fail": "start"}})
    async with running(settings) as server, plain_http() as http:
        told = (await http.post(f"{server.http}/console/check")).json()
        assert told["status"] == "done"
        tts, stt, llm = told["verdicts"]
        assert [verdict["stage"] for verdict in told["verdicts"]] == ["TTS", "STT", "LLM"]
        assert tts["first_result_ms"] > 0
        assert (stt["reachable"], stt["error"]) == ("yes", None)
        assert "hello there" in stt["result"]
        assert "LLM scripted failed" in llm["error"]
        assert llm["first_result_ms"] is None
        kept = (await http.get(f"{server.http}/console/state")).json()["check"]
        assert kept == told


async def test_it_uses_the_providers_that_are_running_and_leaves_them_open(monkeypatch):
    settings = scripted_settings()
    manager = PipelineManager(settings)
    async with running(settings, manager) as server, plain_http() as http:
        closed: list[STTProvider] = []
        again: list[STTProvider] = []

        async def close() -> None:
            closed.append(manager.stt)

        async def start() -> None:
            again.append(manager.stt)

        monkeypatch.setattr(manager.stt, "close", close)
        monkeypatch.setattr(manager.stt, "start", start)
        told = (await http.post(f"{server.http}/console/check")).json()
        assert [verdict["error"] for verdict in told["verdicts"]] == [None, None, None]
        assert (closed, again) == ([], [])


async def test_who_asks_while_it_runs_is_told_its_result():
    settings = scripted_settings(stt={"delay_ms": 400})
    async with running(settings) as server, plain_http() as http:
        created = 0
        make = server.manager.stt.create

        def counted():
            nonlocal created
            created += 1
            return make()

        server.manager.stt.create = counted  # type: ignore[method-assign]
        url = f"{server.http}/console/check"
        first, second = await asyncio.gather(http.post(url), http.post(url))
        assert first.json() == second.json()
        assert first.json()["status"] == "done"
        assert created == 1


async def test_a_server_that_drains_does_not_wait_for_it():
    settings = scripted_settings(
        llm={"provider": "scripted", "options": {"first_token_ms": 60_000}}
    )
    async with running(settings) as server, plain_http(timeout=30) as http:
        asked = asyncio.create_task(http.post(f"{server.http}/console/check"))
        async with asyncio.timeout(20):
            while True:
                state = (await http.get(f"{server.http}/console/state")).json()
                if state["check"]["status"] == "running":
                    break
        await server.sessions.drain()
        answer = await asked
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "server_draining")
        assert answer.headers["Retry-After"] == "2"
