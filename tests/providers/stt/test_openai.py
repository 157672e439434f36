"""The recogniser of an OpenAI-compatible server: what is special to it."""

from __future__ import annotations

from tests.providers.recogniser_vendors import FAILED, OPENAI, hearing, talking, turn
from tests.providers.speaking import mute_server


async def test_a_server_that_does_not_shake_hands_is_given_up():
    limits = {"timeout_s": 0.5, "connect_timeout_s": 0.5, "retries": 0}
    async with (
        mute_server() as port,
        talking(OPENAI.stack(f"https://127.0.0.1:{port}/v1", **limits)) as wire,
    ):
        await turn(wire)
        (failed,) = wire.of(FAILED)
        assert failed["error"]["code"] == "provider_unreachable"


async def test_openai_s_key_goes_to_nobody_else(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-openai-alone")
    async with hearing(OPENAI, api_key=None) as (fake, wire):
        await turn(wire)
        assert fake.keys == ["Bearer none"]
