"""§C.4: `server_vad`, `semantic_vad` and manual turns."""

from __future__ import annotations

import json

import pytest

from audio.pcm import read_wav, silence
from session.decisions import SpeechStarted, SpeechStopped
from session.effects import WordsSoFar
from session.reports import TurnGuessed, TurnSoFar
from tests.conformance.sessions import SERVER_VAD, apply, audio_input, config
from tests.support.places import DATA
from tests.support.running_server import running, scripted_settings
from tests.support.session_driver import Driver, of, session_config, types
from tests.support.wire_client import client
from turn_detection import smart_turn

SEMANTIC = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}


def detection(driver: Driver, value: object) -> dict[str, object]:
    (updated,) = driver.update(audio={"input": {"turn_detection": value}})
    echo: dict[str, object] = updated["session"]["audio"]["input"]["turn_detection"]
    return echo


def test_semantic_vad_is_echoed_with_its_defaults():
    assert detection(Driver(), {"type": "semantic_vad"}) == SEMANTIC


def test_another_type_replaces_the_block_whole():
    driver = Driver()
    detection(driver, {"type": "semantic_vad", "eagerness": "low", "create_response": False})
    back = detection(driver, {"type": "server_vad"})
    assert back == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    }


def test_the_same_type_merges():
    driver = Driver()
    detection(driver, {"type": "semantic_vad", "eagerness": "high"})
    assert detection(driver, {"type": "semantic_vad", "create_response": False}) == {
        **SEMANTIC,
        "eagerness": "high",
        "create_response": False,
    }


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("interrupt", [True, False])
def test_create_and_interrupt_in_all_combinations(create, interrupt):
    driver = Driver()
    driver.turn_detection(create_response=create, interrupt_response=interrupt)
    driver.respond()
    first = driver.running
    events = driver.append(96) + driver.decided(SpeechStarted(0))
    cancelled = [e["response"]["id"] for e in of(events, "response.done")]
    assert cancelled == ([first] if interrupt else [])
    events = driver.append(1000) + driver.decided(SpeechStopped(960))
    if not interrupt:
        # A turn that ends beside a running response is answered after it.
        assert "response.created" not in types(events)
        events = driver.finish(response_id=first)
    assert ("response.created" in types(events)) is create


def test_turn_detection_keeps_the_values_it_is_not_given() -> None:
    target = config()
    apply(target, audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.9}}})
    wire = apply(
        target,
        audio={
            "input": {
                "turn_detection": {
                    "type": "server_vad",
                    "create_response": False,
                    "silence_duration_ms": None,
                }
            }
        },
    )
    assert audio_input(wire)["turn_detection"] == {
        **SERVER_VAD,
        "threshold": 0.9,
        "create_response": False,
    }


def test_turn_detection_may_be_switched_off_and_comes_back_with_the_defaults() -> None:
    target = config()
    apply(target, audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.9}}})
    off = apply(target, audio={"input": {"turn_detection": None}})
    assert audio_input(off)["turn_detection"] is None
    assert target.turn_detection is None
    on = apply(target, audio={"input": {"turn_detection": {"type": "server_vad"}}})
    assert audio_input(on)["turn_detection"] == SERVER_VAD


def test_turn_detection_of_type_none_means_null() -> None:
    wire = apply(config(), audio={"input": {"turn_detection": {"type": "none"}}})
    assert audio_input(wire)["turn_detection"] is None


@pytest.mark.parametrize(
    ("kind", "known"), [("semantic_vad", ["I would", "I would like"]), ("server_vad", [])]
)
def test_the_words_of_the_open_turn_count_under_semantic_vad_alone(
    kind: str, known: list[str]
) -> None:
    driver = Driver()
    detection(driver, {"type": kind})
    driver.append(96)
    (started,) = of(driver.decided(SpeechStarted(0)), "input_audio_buffer.speech_started")
    driver.report(TurnSoFar(started["item_id"], "I would"))
    driver.report(TurnGuessed(started["item_id"], "I would like"))
    driver.report(TurnSoFar("item_of_another_turn", "you"))
    assert driver.kind(WordsSoFar) == [WordsSoFar(text) for text in known]


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Smart Turn may take its time."""
    monkeypatch.setattr(smart_turn, "PATIENCE_S", 30.0)


async def speak(name: str, pause_ms: int, **turn_detection: object) -> list[str]:
    """Speak a clip and a pause under `semantic_vad`; returns the event types."""
    clip = silence(300) + read_wav(DATA / f"{name}.wav") + silence(pause_ms)
    async with running(scripted_settings()) as server, client(server.url) as wire:
        wanted = {"type": "semantic_vad", **turn_detection}
        await wire.update(audio={"input": {"turn_detection": wanted}})
        await wire.append(clip)
        await wire.settled()
        return wire.types(2)


@pytest.mark.usefixtures("patience")
async def test_a_complete_sentence_is_over_after_a_short_pause():
    assert "input_audio_buffer.committed" in await speak("turn_complete", 700)


@pytest.mark.usefixtures("patience")
async def test_a_sentence_cut_off_is_waited_for():
    events = await speak("turn_incomplete", 1500)
    assert "input_audio_buffer.speech_started" in events
    assert "input_audio_buffer.speech_stopped" not in events


@pytest.mark.usefixtures("patience")
async def test_the_ceiling_of_the_eagerness_ends_any_pause():
    assert "input_audio_buffer.committed" in await speak("turn_incomplete", 2600, eagerness="high")


async def test_rtclient_s_way_to_say_none():
    async with running() as server, client(server.url) as wire:
        updated = await wire.update(audio={"input": {"turn_detection": {"type": "none"}}})
        assert updated["session"]["audio"]["input"]["turn_detection"] is None
        assert json.dumps(updated)


@pytest.mark.parametrize(
    ("key", "least", "most"),
    [
        ("threshold", 0.0, 1.0),
        ("prefix_padding_ms", 0, 10_000),
        ("silence_duration_ms", 0, 60_000),
        ("idle_timeout_ms", 5000, 30_000),
    ],
)
def test_the_ranges_include_their_ends(key, least, most):
    for value in (least, most):
        assert detection(Driver(), {"type": "server_vad", key: value})[key] == value


@pytest.mark.parametrize("eagerness", ["low", "medium", "high", "auto"])
def test_every_eagerness_is_echoed(eagerness):
    wanted = {"type": "semantic_vad", "eagerness": eagerness}
    assert detection(Driver(), wanted) == {**SEMANTIC, "eagerness": eagerness}


SERVER = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
OWN = {"interruptions": "any", "backchannels": "keep", "queued": "merge"}
ALL_OWN = {**OWN, "rejoin_ms": 1200}


@pytest.mark.parametrize("shown", [SERVER, SEMANTIC])
def test_the_server_s_own_keys_are_shown_once_they_are_set(shown):
    driver = Driver()
    kind = {"type": shown["type"]}
    assert detection(driver, kind) == shown
    assert detection(driver, {**kind, **ALL_OWN}) == {**shown, **ALL_OWN}
    assert detection(driver, kind) == {**shown, **ALL_OWN}
    half = {**shown, "backchannels": "keep", "queued": "merge", "rejoin_ms": 1200}
    assert detection(driver, {**kind, "interruptions": None}) == half


def test_another_type_forgets_the_server_s_own_keys():
    driver = Driver()
    detection(driver, {"type": "server_vad", **ALL_OWN})
    assert detection(driver, {"type": "semantic_vad"}) == SEMANTIC


@pytest.mark.parametrize("kind", ["server_vad", "semantic_vad"])
@pytest.mark.parametrize("key", ["interruptions", "backchannels", "queued"])
@pytest.mark.parametrize("value", ["sometimes", True, 1, ["any"], {}])
def test_a_value_that_the_server_s_own_keys_do_not_have_is_refused(kind, key, value):
    driver = Driver()
    (refused,) = driver.update(audio={"input": {"turn_detection": {"type": kind, key: value}}})
    assert refused["type"] == "error"
    assert refused["error"]["param"] == f"session.audio.input.turn_detection.{key}"


@pytest.mark.parametrize("kind", ["server_vad", "semantic_vad"])
@pytest.mark.parametrize("value", [-1, 1201, 0.5, "1200", [1200]])
def test_a_time_in_which_no_turn_can_go_on_is_refused(kind, value):
    driver = Driver()
    asked = {"type": kind, "rejoin_ms": value}
    (refused,) = driver.update(audio={"input": {"turn_detection": asked}})
    assert refused["type"] == "error"
    assert refused["error"]["param"] == "session.audio.input.turn_detection.rejoin_ms"


@pytest.mark.parametrize("kind", ["server_vad", "semantic_vad"])
def test_a_transcription_session_shows_in_which_time_a_turn_goes_on(kind):
    driver = Driver(session_config(kind="transcription"))
    asked = {"type": kind, **ALL_OWN}
    (updated,) = driver.send(
        "session.update",
        session={"type": "transcription", "audio": {"input": {"turn_detection": asked}}},
    )
    shown = updated["session"]["audio"]["input"]["turn_detection"]
    assert shown["rejoin_ms"] == 1200
    assert not OWN.keys() & shown.keys()


def test_a_transcription_session_does_not_show_the_server_s_own_keys():
    driver = Driver(session_config(kind="transcription"))
    (updated,) = driver.send(
        "session.update",
        session={
            "type": "transcription",
            "audio": {"input": {"turn_detection": {"type": "server_vad", **OWN}}},
        },
    )
    assert not OWN.keys() & updated["session"]["audio"]["input"]["turn_detection"].keys()
