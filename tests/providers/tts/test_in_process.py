"""What holds for every engine that makes its voice in the server's own process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kokoro_onnx import Kokoro
from piper import PiperVoice
from sherpa_onnx import OfflineTts

from config import TTSConfig
from providers import ProviderSetupError, tts
from providers.sherpa.engines import Recipe
from tests.providers import tiny_sherpa_voices, tiny_voices
from tests.providers.engines import LoopWatch, answer, reason, talking, with_tts
from tests.support.running_server import running
from tests.support.wire_client import client

TEXT = "Hello there. How are you?"
PIPER = "en_US-one-low"


@dataclass(frozen=True)
class Engine:
    """A provider, with a voice that a test can make."""

    name: str
    label: str
    settings: Callable[[Path], dict[str, Any]]
    loads: tuple[type[Any], str]
    """The method of its library that loads a model."""
    works: tuple[type[Any], str]
    """The method that makes the audio of a sentence."""


def kokoro(folder: Path) -> dict[str, Any]:
    tiny_voices.build_kokoro(folder, {"af_heart": 300.0})
    model = str(folder / "tiny.onnx")
    return {"model": model, "options": {"voices_path": str(folder / "voices.bin")}}


def piper(folder: Path) -> dict[str, Any]:
    tiny_voices.build_piper(folder / f"{PIPER}.onnx")
    return {"voice_id": PIPER, "options": {"download_dir": str(folder)}}


def sherpa(folder: Path) -> dict[str, Any]:
    return {"model": str(tiny_sherpa_voices.build_kokoro(folder / "tiny"))}


ENGINES = (
    Engine("kokoro", "kokoro tiny", kokoro, (Kokoro, "__init__"), (Kokoro, "_infer")),
    Engine(
        "piper",
        f"piper {PIPER}",
        piper,
        (PiperVoice, "load"),
        (PiperVoice, "phoneme_ids_to_audio"),
    ),
    Engine("sherpa", "sherpa tiny", sherpa, (Recipe, "build"), (OfflineTts, "generate")),
)


@pytest.fixture(scope="module", params=ENGINES, ids=lambda engine: engine.name)
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.param
    return found


@pytest.fixture(scope="module")
def group(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return {"provider": engine.name, **engine.settings(tmp_path_factory.mktemp(engine.name))}


def test_an_engine_is_never_given_up_for_a_gap(group):
    with pytest.raises(ProviderSetupError, match=r"tts\.gap_timeout_s has no meaning"):
        tts.load(TTSConfig(**group, gap_timeout_s=2))


async def test_sessions_share_what_is_loaded(engine, group, monkeypatch):
    loaded: list[Any] = []
    library, method = engine.loads
    real = getattr(library, method)

    def load(*args: Any, **kwargs: Any) -> Any:
        loaded.append(args)
        return real(*args, **kwargs)

    monkeypatch.setattr(library, method, load)
    async with (
        running(with_tts(TEXT, **group)) as server,
        client(server.url) as one,
        client(server.url) as two,
    ):
        for wire in (one, two):
            await wire.send("response.create")
        for wire in (one, two):
            assert (await wire.until("response.done"))["response"]["status"] == "completed"
    assert len(loaded) == 1


async def test_the_event_loop_turns_while_the_voice_works(engine, group, monkeypatch):
    watch = LoopWatch()
    library, method = engine.works
    monkeypatch.setattr(library, method, watch.before(getattr(library, method)))
    async with talking(with_tts(TEXT, **group)) as (_server, wire):
        warm_up = watch.turns
        done, _ = await answer(wire)
    assert done["status"] == "completed"
    # A sentence at a time.
    assert (warm_up, watch.turns) == (1, 3)


async def test_a_failure_names_the_voice_and_the_next_answer_is_spoken(engine, group, monkeypatch):
    async with talking(with_tts(TEXT, **group)) as (_server, wire):
        with monkeypatch.context() as broken:

            def fail(*_: Any, **__: Any) -> None:
                raise RuntimeError("no memory left")

            broken.setattr(*engine.works, fail)
            done, _ = await answer(wire)
        assert f"TTS {engine.label} failed" in reason(done)
        assert "no memory left" in reason(done)
        done, pcm = await answer(wire)
        assert done["status"] == "completed"
        assert pcm
