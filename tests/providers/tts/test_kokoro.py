"""`kokoro`: kokoro-onnx's real loading, phonemes and synthesis, on a model that hums."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from kokoro_onnx import Kokoro

from config import TTSConfig
from providers.base import ProviderSetupError
from providers.tts.kokoro import NAMED_VOICES, KokoroTTS
from session.ports import OPENAI_VOICES
from tests.providers import tiny_voices
from tests.providers.engines import answer, reason, spoken_by, talking, voices, with_tts
from tests.providers.file_server import serving_files
from tests.providers.heard import heard_at_pauses
from tests.providers.tiny_voices import KOKORO_STEP, pitch_of
from tests.support.running_server import running

TEXT = "Hello there. How are you?"
PITCHES = {"af_heart": 300.0, "am_echo": 450.0, "bm_george": 600.0, "zf_xiaoni": 750.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder: Path = tmp_path_factory.mktemp("kokoro")
    tiny_voices.build_kokoro(folder, PITCHES)
    return folder


def settings(folder: Path, voice: str | None = None, **options: Any) -> dict[str, Any]:
    options = {"voices_path": str(folder / "voices.bin"), **options}
    model = str(folder / "tiny.onnx")
    return {"provider": "kokoro", "model": model, "voice_id": voice, "options": options}


class Prepared:
    """Phonemes that the model is given, and in which language they were looked up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.spoken: list[tuple[str, str]] = []
        real = Kokoro.create_timed

        def create(kokoro: Kokoro, text: str, *args: Any, **kwargs: Any) -> Any:
            self.spoken.append((kwargs["lang"], text))
            return real(kokoro, text, *args, **kwargs)

        monkeypatch.setattr(Kokoro, "create_timed", create)


async def test_an_answer_is_spoken_in_real_time_and_pitch(folder, monkeypatch):
    prepared = Prepared(monkeypatch)
    async with talking(with_tts(TEXT, **settings(folder, "am_echo"))) as (_server, wire):
        prepared.spoken.clear()
        done, pcm = await answer(wire)
    assert done["status"] == "completed"
    # The model pads each text by a token at both ends, and a sentence is followed by a pause.
    tokens = sum(len(phonemes) + 2 for _, phonemes in prepared.spoken)
    seconds = tokens * KOKORO_STEP / 24000 + 2 * 0.25
    assert len(prepared.spoken) == 2
    assert len(pcm) / 48000 == pytest.approx(seconds, abs=0.1)
    assert pitch_of(pcm, 24000) == pytest.approx(450, rel=0.05)


async def test_a_voice_brings_its_language(folder, monkeypatch):
    prepared = Prepared(monkeypatch)
    async with running(with_tts("你好，friend。", **settings(folder))) as server:
        prepared.spoken.clear()
        for voice in ("zf_xiaoni", "bm_george"):
            await spoken_by(server, voice)
    (chinese, first), *_ = prepared.spoken
    assert chinese == "cmn"
    assert "," in first
    assert first.endswith(".")
    assert {language for language, _ in prepared.spoken} == {"cmn", "en-gb"}
    # espeak-ng says which language a word is in; nobody is to hear that.
    assert not any("(" in phonemes for _, phonemes in prepared.spoken)


async def test_openais_names_and_its_own_are_listed_and_others_refused(folder):
    async with talking(with_tts(TEXT, **settings(folder))) as (server, wire):
        listed = await voices(server)
        pcm = await spoken_by(server, "fable")
        await wire.send("response.create", response={"audio": {"output": {"voice": "hal"}}})
        assert "hal" in (await wire.until("error"))["error"]["message"]
    assert pitch_of(pcm, 24000) == pytest.approx(PITCHES["bm_george"], rel=0.05)
    by_id = {voice["id"]: voice for voice in listed}
    assert by_id.keys() == {*OPENAI_VOICES, *PITCHES}
    assert (by_id["echo"]["speaks_as"], by_id["echo"]["language"]) == ("am_echo", "en-US")
    assert by_id["zf_xiaoni"]["language"] == "zh"


def test_openais_names_are_as_many_voices():
    assert NAMED_VOICES.keys() == set(OPENAI_VOICES)
    assert len(set(NAMED_VOICES.values())) == len(OPENAI_VOICES)


@pytest.mark.parametrize(("tells", "speed"), [(False, 1.0), (False, 0.75), (True, 1.25)])
@pytest.mark.parametrize(
    ("voice", "text", "ends"),
    [
        # It reads numbers as several words, and "of the" as one.
        (
            "am_echo",
            "The best of the 1987 wines – at $1,250 (75%): “naïve” people. Yes?",
            ["The", "best", "the", "1987", "–", "at", "1,250", "(75%):", "“naïve”", "people."],
        ),
        ("zf_xiaoni", "你好，我们 2024 年去公园吧。好！", [*"，我们", "2024", *"年去公园。"]),
    ],
)
async def test_a_cut_leaves_the_words_that_the_durations_tell(
    tmp_path, voice, text, ends, tells, speed
):
    tiny_voices.build_timed_kokoro(tmp_path, PITCHES, tells=tells)
    told = await heard_at_pauses(settings(tmp_path, voice), text, speed)
    # A number pauses too, and is not heard before its end.
    assert [*dict.fromkeys(reversed(told))] == [text[: text.index(end) + len(end)] for end in ends]


async def test_a_model_that_is_too_slow_says_how_to_make_it_faster(folder, monkeypatch):
    tts = {**settings(folder), "timeout_s": 0.1, "connect_timeout_s": 0.1, "retries": 0}
    async with talking(with_tts(TEXT, **tts)) as (_server, wire):
        go_on = threading.Event()
        real = Kokoro._infer

        def slow(*args: Any) -> Any:
            go_on.wait()
            return real(*args)

        monkeypatch.setattr(Kokoro, "_infer", slow)
        done, _ = await answer(wire)
        assert "kokoro-v1.0.int8" in reason(done)
        assert "tts.timeout_s" in reason(done)
        go_on.set()
        done, pcm = await answer(wire)
        assert done["status"] == "completed"
        assert pcm


async def test_model_and_voices_are_downloaded_once(folder, tmp_path, monkeypatch):
    with serving_files() as web:
        web.files["/kokoro-v1.0.int8.onnx"] = (folder / "tiny.onnx").read_bytes()
        web.files["/voices-v1.0.bin"] = (folder / "voices.bin").read_bytes()
        monkeypatch.setattr("providers.tts.kokoro.RELEASE", web.url)
        config = TTSConfig(
            provider="kokoro", model="kokoro-v1.0.int8", options={"download_dir": str(tmp_path)}
        )
        for _ in range(2):
            provider = KokoroTTS(config)
            await provider.start()
            await provider.close()
        assert len(web.asked) == 2


async def refused(group: dict[str, Any]) -> str:
    with pytest.raises(ProviderSetupError) as error:
        await KokoroTTS(TTSConfig(**{"provider": "kokoro", **group})).start()
    return str(error.value)


async def test_a_download_that_fails_names_file_address_and_place(tmp_path, monkeypatch):
    with serving_files() as web:
        monkeypatch.setattr("providers.tts.kokoro.RELEASE", web.url)
        why = await refused({"options": {"download_dir": str(tmp_path)}})
    assert f"{web.url}/kokoro-v1.0.onnx" in why
    assert str(tmp_path / "kokoro-v1.0.onnx") in why


@pytest.mark.parametrize("name", ["tiny.onnx", "voices.bin"])
async def test_a_damaged_file_is_no_traceback(tmp_path, name):
    tiny_voices.build_kokoro(tmp_path, PITCHES)
    (tmp_path / name).write_bytes(b"garbage")
    why = await refused(settings(tmp_path))
    assert "cannot be loaded" in why
    assert str(tmp_path / name) in why


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"voice_id": "hal"}, "af_heart"),
        ({"model": "kokoro-v9"}, "kokoro-v1.0.int8"),
        ({"model": "/nowhere/x.onnx"}, "/nowhere/x.onnx"),
        ({"options": {"voices_path": "/nowhere/voices.bin"}}, "tts.options.voices_path"),
        ({"options": {"speed": 2}}, "voices_path"),
        ({"api_base": "http://localhost:1"}, "tts.api_base"),
        ({"api_key": "k"}, "tts.api_key"),
    ],
)
async def test_what_it_cannot_use_is_refused(folder, changed, named):
    assert named in await refused({**settings(folder), **changed})
