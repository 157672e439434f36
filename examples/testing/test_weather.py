"""Tests of `weather.py` against a server that does what each of them says.

pytest examples/testing                                     where the server is installed
PYTHONPATH=. pytest -p open_realtime_pytest.plugin examples/testing         from a checkout
"""

from __future__ import annotations

import asyncio

import pytest
from openai import AsyncOpenAI
from weather import Unavailable, ask

CITIES = {"Oslo": "21 °C", "Rome": "30 °C"}


def asked(server, question):
    """Ask the app, and return what it answers."""
    client = AsyncOpenAI(api_key=server.api_key, base_url=server.base_url)
    return asyncio.run(ask(client, question, CITIES.__getitem__))


def test_the_weather_is_looked_up(realtime_server):
    """The model calls the function, and the app gives it the result."""
    realtime_server.calls("get_weather", city="Oslo", when="Oslo")
    realtime_server.answers("It is 21 degrees.")

    assert asked(realtime_server, "How warm is it in Oslo?") == "It is 21 degrees."

    [session] = realtime_server.sessions
    assert session.conversation.splitlines() == [
        "user: How warm is it in Oslo?",
        'call: get_weather({"city": "Oslo"})',
        "result: 21 °C",
        "assistant: It is 21 degrees.",
    ]


def test_two_cities_at_once(realtime_server):
    """Both calls of one response have a result before the next one is asked for."""
    realtime_server.calls_several(
        [("get_weather", {"city": "Oslo"}), ("get_weather", {"city": "Rome"})]
    )
    realtime_server.answers("Rome is warmer.")

    assert asked(realtime_server, "Where is it warmer?") == "Rome is warmer."
    assert len(realtime_server.events.of("response.create")) == 2


def test_a_rate_limit_is_survived_once(realtime_server):
    """The app tries again, and gives up at the second time."""
    realtime_server.fails("rate_limit_exceeded")
    realtime_server.answers("Fine.")
    assert asked(realtime_server, "And today?") == "Fine."

    realtime_server.fails("rate_limit_exceeded", times=2)
    with pytest.raises(Unavailable, match="rate_limit_exceeded"):
        asked(realtime_server, "And tomorrow?")


def test_a_lost_connection_is_told(realtime_server):
    """The server is gone in the middle of an answer."""
    realtime_server.answers("It is going to be a long, long answer.")
    realtime_server.drops(after="response.output_text.delta")

    with pytest.raises(Unavailable, match="lost"):
        asked(realtime_server, "And next week?")
