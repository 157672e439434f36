"""Stock clients, recorded once, do the same with their own recordings in the server's place."""

from __future__ import annotations

import asyncio

import pytest

from recordings.client_test import How, served
from recordings.telling import told
from tests.foreign_clients.sessions import SESSIONS
from tests.support.places import DATA
from tests.support.recorded_side import PATIENCE_S, laid

RECORDINGS = DATA / "recordings"
RACES = {"openai-agents-barge-in", "openai-agents-js-tool"}
"""Clients that send their settings, and go on meanwhile: which message is first is chance."""


@pytest.mark.parametrize("name", SESSIONS)
async def test_the_recorded_client_does_what_it_did(name: str) -> None:
    ignore = ("order",) if name in RACES else ()
    async with served(laid(name), How(ignore=ignore)) as server:
        await SESSIONS[name].drive(server.base_url.removesuffix("/v1"))
        async with asyncio.timeout(PATIENCE_S):
            outcome = await server.outcome()
    assert [*outcome.facts, *told(outcome.differences), *outcome.late] == []
    assert outcome.came > 5


def test_there_is_a_small_recording_of_each_that_tells_nothing_of_where_it_was_made() -> None:
    assert {path.name.partition(".")[0] for path in RECORDINGS.iterdir()} == SESSIONS.keys()
    for path in RECORDINGS.iterdir():
        assert path.stat().st_size < 150_000, path
    for name in SESSIONS:
        text = (RECORDINGS / f"{name}.jsonl").read_text(encoding="utf-8")
        assert not any(word in text for word in ("sk-", "ek_", "/tmp/", "/home/", "localhost"))
        assert laid(name).recording.ended == "the client left"
