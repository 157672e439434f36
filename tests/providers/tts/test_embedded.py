"""The embedded voices in a real pipeline: who speaks what, in what form, and how it stops."""

from __future__ import annotations

import ctypes.util
import threading
from array import array
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import espeakng_loader
import pytest
import pytest_asyncio
from loguru import logger
from pipecat.frames.frames import (
    AggregatedTextFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)

from config import TTSConfig
from providers.base import ProviderSetupError
from providers.frames import WordTimesFrame
from providers.in_process.packaged import package_folder
from providers.tts import embedded, espeak, flite, hibari
from providers.tts.embedded import EmbeddedTTS, EmbeddedTTSService
from providers.tts.espeak import EspeakVoice
from providers.tts.speech_engine import Emit, SpeechEngine, SynthesisError
from providers.tts.voice_box import NAMED_VOICES, VoiceBox
from tests.providers.stage import Running, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPENAI_VOICES = {"alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova"}
OPENAI_VOICES |= {"onyx", "sage", "shimmer", "verse"}
FLITE = all(ctypes.util.find_library(name) for name in ("flite", "flite_cmu_us_slt"))
HIBARI = package_folder("hibari") is not None
SENTENCE = "The quick brown fox jumps over the lazy dog."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[EmbeddedTTS]:
    auto = EmbeddedTTS(TTSConfig())
    await auto.start()
    yield auto
    await auto.close()


async def say(pipeline: Running, *texts: str) -> None:
    await pipeline.push(LLMFullResponseStartFrame())
    await pipeline.push(*(AggregatedTextFrame(text, "sentence") for text in texts))
    await pipeline.push(LLMFullResponseEndFrame())


async def speak(service: EmbeddedTTSService, *texts: str) -> list[TTSAudioRawFrame]:
    """Speak a response; return its audio."""
    async with running(service) as pipeline:
        await say(pipeline, *texts)
        await pipeline.stage.until(LLMFullResponseEndFrame)
    assert pipeline.stage.errors == []
    return pipeline.stage.of(TTSAudioRawFrame)


def seconds(frames: list[TTSAudioRawFrame]) -> float:
    return sum(len(frame.audio) for frame in frames) / 2 / 24000


@pytest.mark.parametrize("voice", ["alloy", "ash"])
async def test_a_response_is_spoken(provider: EmbeddedTTS, voice: str) -> None:
    async with running(provider.create(voice)) as pipeline:
        await say(pipeline, SENTENCE, "And again.")
        await pipeline.stage.until(LLMFullResponseEndFrame)
    audio = pipeline.stage.of(TTSAudioRawFrame)
    assert {(frame.sample_rate, frame.num_channels) for frame in audio} == {(24000, 1)}
    assert all(0 < len(frame.audio) <= 4800 and len(frame.audio) % 2 == 0 for frame in audio)
    assert 3 < seconds(audio) < 7
    assert max(array("h", b"".join(frame.audio for frame in audio))) > 5000
    (started,) = pipeline.stage.of(TTSStartedFrame)
    (stopped,) = pipeline.stage.of(TTSStoppedFrame)
    assert {frame.context_id for frame in audio} == {started.context_id}
    assert stopped.context_id == started.context_id
    order = pipeline.stage.frames
    end = pipeline.stage.of(LLMFullResponseEndFrame)[0]
    assert order.index(started) < order.index(audio[0])
    assert order.index(audio[-1]) < order.index(stopped) < order.index(end)
    assert pipeline.stage.errors == []


async def test_nothing_of_the_audio_is_lost(provider: EmbeddedTTS) -> None:
    engine = espeak.Espeak()
    whole = [pcm async for pcm in engine.synthesize(SENTENCE, "gmw/en-US")]
    engine.close()
    spoken = seconds(await speak(provider.create("en-us"), SENTENCE))
    assert spoken == pytest.approx(sum(map(len, whole)) / 2 / engine.sample_rate, rel=0.02)


@pytest.mark.parametrize("text", ["…", "-- ?!", "\u200b."])
async def test_text_without_a_sound_ends_at_once(provider: EmbeddedTTS, text: str) -> None:
    service = provider.create("alloy")
    async with running(service) as pipeline:
        await say(pipeline, text)
        await pipeline.stage.until(LLMFullResponseEndFrame)
        await say(pipeline, "Yes.")
        await pipeline.stage.until(LLMFullResponseEndFrame, 2)
    assert service.is_usable
    assert pipeline.stage.errors == []
    assert len({frame.context_id for frame in pipeline.stage.of(TTSAudioRawFrame)}) == 1


async def test_sessions_share_the_engines(provider: EmbeddedTTS) -> None:
    await speak(provider.create("alloy"), "One.", "你好")
    threads = {thread.ident for thread in threading.enumerate()}
    async with running(provider.create("alloy")) as one, running(provider.create("cmn")) as other:
        for pipeline in (one, other):
            await say(pipeline, "Two, 你好.")
        for pipeline in (one, other):
            await pipeline.stage.until(LLMFullResponseEndFrame)
            assert pipeline.stage.of(TTSAudioRawFrame)
    assert {thread.ident for thread in threading.enumerate()} <= threads


HUM = b"\x00\x10" * 480


class EndlessEngine(SpeechEngine):
    """Speaks until nobody listens."""

    name = "endless"
    sample_rate = 24000

    def __init__(self) -> None:
        super().__init__()
        self.stopped = threading.Semaphore(0)

    def _speak(self, text: str, voice: str, rate_wpm: int | None, emit: Emit) -> None:
        if text == "fail":
            raise SynthesisError("endless has lost its voice")
        while text != "short" and emit(HUM):
            pass
        emit(HUM)
        self.stopped.release()


@pytest.fixture
def endless() -> EndlessEngine:
    return EndlessEngine()


def service_on(engine: SpeechEngine) -> EmbeddedTTSService:
    english = EspeakVoice("gmw/en-US", "English", ((2, "en-us"),))
    return EmbeddedTTSService(VoiceBox(engine, [english]), "en-us")


async def test_an_interruption_stops_the_engine(endless: EndlessEngine) -> None:
    async with running(service_on(endless)) as pipeline:
        await say(pipeline, "long")
        await pipeline.stage.until(TTSAudioRawFrame, 3)
        await pipeline.push(InterruptionFrame())
        await pipeline.stage.until(InterruptionFrame)
        assert endless.stopped.acquire(timeout=60)
        await say(pipeline, "short")
        await pipeline.stage.until(LLMFullResponseEndFrame)
    contexts = {frame.context_id for frame in pipeline.stage.of(TTSStartedFrame)}
    assert len(contexts) == 2
    endless.close()


async def test_the_end_of_the_pipeline_stops_the_engine(endless: EndlessEngine) -> None:
    async with running(service_on(endless)) as pipeline:
        await say(pipeline, "long")
        await pipeline.stage.until(TTSAudioRawFrame, 3)
    endless.close()
    assert endless.stopped.acquire(blocking=False)


async def test_a_failure_is_reported_and_the_next_response_works(endless: EndlessEngine) -> None:
    async with running(service_on(endless)) as pipeline:
        await say(pipeline, "fail")
        await pipeline.stage.until(LLMFullResponseEndFrame)
    assert [error.error for error in pipeline.stage.errors] == ["endless has lost its voice"]
    async with running(service_on(endless)) as pipeline:
        await say(pipeline, "short")
        await pipeline.stage.until(LLMFullResponseEndFrame)
    assert pipeline.stage.errors == []
    assert len(pipeline.stage.of(TTSAudioRawFrame)) == 1
    endless.close()


def plan(box: VoiceBox, voice: str, text: str) -> list[tuple[str, str]]:
    return [(piece.voice, piece.text) for piece in box.plan(text, box.voices[voice])]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def box() -> AsyncIterator[VoiceBox]:
    engine = espeak.Espeak()
    yield VoiceBox(engine, engine.list_voices())
    engine.close()


@pytest.mark.parametrize(
    ("voice", "text", "pieces"),
    [
        ("ash", "Hello.", [("gmw/en-US+m1", "Hello.")]),
        ("alloy", "Hello.", [("gmw/en-US+f2", "Hello.")]),
        ("ash", "你好。", [("sit/cmn+m1", "你好。")]),
        (
            "ash",
            "Say 你好 now",
            [("gmw/en-US+m1", "Say "), ("sit/cmn+m1", "你好 "), ("gmw/en-US+m1", "now")],
        ),
        ("ash", "こんにちは", [("jpx/ja+m1", "こんにちは")]),
        ("ash", "안녕", [("ko+m1", "안녕")]),
        ("ash", "привет", [("zle/ru+m1", "привет")]),
        ("ash", "مرحبا", [("sem/ar+m1", "مرحبا")]),
        ("ash", "नमस्ते", [("inc/hi+m1", "नमस्ते")]),
        ("ash", "γειά", [("grk/el+m1", "γειά")]),
        ("ash", "שלום", [("sem/he+m1", "שלום")]),
        ("ash", "สวัสดี", [("tai/th+m1", "สวัสดี")]),
        ("cmn", "Hello 你好", [("sit/cmn", "Hello 你好")]),
        ("zh", "你好", [("sit/cmn", "你好")]),
        ("yue", "你好", [("sit/yue", "你好")]),
        ("uk", "привіт Ok", [("zle/uk", "привіт Ok")]),
        ("fa", "سلام", [("ira/fa", "سلام")]),
        ("de", "Guten Tag, 你好", [("gmw/de", "Guten Tag, "), ("sit/cmn", "你好")]),
        ("gmw/en", "Hello.", [("gmw/en", "Hello.")]),
        ("en-gb", "Hello.", [("gmw/en", "Hello.")]),
        ("fr-fr", "Bonjour.", [("roa/fr", "Bonjour.")]),
    ],
)
async def test_text_goes_to_a_voice_that_can_read_it(
    box: VoiceBox, voice: str, text: str, pieces: list[tuple[str, str]]
) -> None:
    assert plan(box, voice, text) == pieces


async def test_every_script_has_a_voice_that_speaks(provider: EmbeddedTTS) -> None:
    text = (
        "Hi. 你好 こんにちは 안녕 привет مرحبا नमस्ते γειά שלום สวัสดี বাংলা ਪੰਜਾਬੀ ગુજરાતી ଓଡ଼ିଆ தமிழ் తెలుగు"
    )
    text += " ಕನ್ನಡ മലയാളം සිංහල မြန်မာ ქართული አማርኛ հայերեն"
    assert seconds(await speak(provider.create("sage"), text)) > 10


async def test_the_named_voices_are_distinct(box: VoiceBox) -> None:
    assert set(NAMED_VOICES) == OPENAI_VOICES
    assert len({plan(box, name, "Hello.")[0] for name in NAMED_VOICES}) == len(NAMED_VOICES)
    # espeak passes over a variant that it does not have.
    variants = Path(espeakng_loader.get_data_path(), "voices", "!v")
    assert all((variants / voice.variant).is_file() for voice in NAMED_VOICES.values())


async def test_flite_reads_latin_for_the_voices_that_prefer_it(
    box: VoiceBox, endless: EndlessEngine
) -> None:
    with_flite = VoiceBox(box.espeak, espeak.Espeak().list_voices())
    with_flite.add_flite(endless, everywhere=False)
    for name in ("alloy", "marin", "coral", "slt"):
        first, second = with_flite.plan("Hello, привет", with_flite.voices[name])
        assert (first.engine, first.voice) == (endless, "slt")
        assert second.engine is box.espeak
    assert plan(with_flite, "ash", "Hello.") == [("gmw/en-US+m1", "Hello.")]
    with_flite.add_flite(endless, everywhere=True)
    assert plan(with_flite, "ash", "Hello.") == [("slt", "Hello.")]
    assert plan(with_flite, "ash", "привет") == [("zle/ru+m1", "привет")]
    assert plan(with_flite, "de", "Hallo.") == [("gmw/de", "Hallo.")]


GREETING = "Hello there."


async def test_english_goes_to_hibari_and_other_languages_to_espeak(
    box: VoiceBox, endless: EndlessEngine
) -> None:
    with_hibari = VoiceBox(box.espeak, espeak.Espeak().list_voices())
    with_hibari.add_hibari(endless)
    for name in NAMED_VOICES:
        (piece,) = with_hibari.plan(GREETING, with_hibari.voices[name])
        assert (piece.engine, piece.voice) == (endless, name)
    ash = with_hibari.voices["ash"]
    for text, voice in {
        "Das ist nicht so schön.": "gmw/de+m1",
        "Je ne sais pas.": "roa/fr+m1",
        "¿Qué hora es?": "roa/es+m1",
        "Non lo so, è molto tardi.": "roa/it+m1",
        "你好。": "sit/cmn+m1",
    }.items():
        (piece,) = with_hibari.plan(text, ash)
        assert (piece.engine, piece.voice) == (box.espeak, voice), text
    # What does not tell its language is in that of what came before.
    assert with_hibari.plan("Berlin 1990.", ash, before="de")[0].voice == "gmw/de+m1"
    assert with_hibari.plan("Now it is time for you.", ash, before="de")[0].engine is endless
    # Voices of espeak-ng that were asked for by their names stay.
    assert plan(with_hibari, "en-us", GREETING) == [("gmw/en-US", GREETING)]
    assert plan(with_hibari, "de", GREETING) == [("gmw/de", GREETING)]


async def test_chinese_goes_to_kokoro_and_english_in_it_does_not(
    box: VoiceBox, endless: EndlessEngine
) -> None:
    with_kokoro = VoiceBox(box.espeak, espeak.Espeak().list_voices())
    with_kokoro.add_kokoro(endless)
    for name, style in {"alloy": "jf_nezumi", "ash": "jm_kumo", "en-us": "jf_nezumi"}.items():
        voice = with_kokoro.voices[name]
        english, chinese, again = with_kokoro.plan("Say 你好，3 times now", voice)
        assert (chinese.engine, chinese.voice) == (endless, style)
        assert (chinese.text, english.text, again.text) == ("你好，3 ", "Say ", "times now")
        assert english.engine is again.engine is box.espeak
    # Whoever asks for espeak-ng's own Chinese gets it.
    for name in ("cmn", "yue"):
        assert with_kokoro.plan("你好", with_kokoro.voices[name])[0].engine is box.espeak
    assert plan(with_kokoro, "ash", "こんにちは") == [("jpx/ja+m1", "こんにちは")]


@pytest.mark.parametrize(
    ("has_kokoro", "voice", "remedy"),
    [(False, "ash", "requirements/offline.txt"), (True, "cmn", "such as alloy")],
)
async def test_unintelligible_chinese_is_warned_of_once_with_the_remedy(
    has_kokoro: bool, voice: str, remedy: str, box: VoiceBox, endless: EndlessEngine
) -> None:
    embedded._warn_of_chinese.cache_clear()
    alone = VoiceBox(box.espeak, espeak.Espeak().list_voices())
    if has_kokoro:
        alone.add_kokoro(endless)
    said: list[str] = []
    sink = logger.add(said.append, level="WARNING", format="{message}")
    try:
        for text in ("Hello.", "你好。", "再见。"):
            await speak(EmbeddedTTSService(alone, voice), text)
    finally:
        logger.remove(sink)
    (warning,) = said
    assert "not intelligible" in warning
    assert remedy in warning
    assert ("install" in warning) is not has_kokoro


class SilentEngine(SpeechEngine):
    """Has nothing to say."""

    name = "silent"
    sample_rate = 24000

    def _speak(self, text: str, voice: str, rate_wpm: int | None, emit: Emit) -> None:
        """Emit nothing."""


async def test_what_hibari_has_no_sounds_for_is_said_by_espeak(box: VoiceBox) -> None:
    silent = SilentEngine()
    mute = VoiceBox(box.espeak, espeak.Espeak().list_voices())
    mute.add_hibari(silent)
    assert seconds(await speak(EmbeddedTTSService(mute, "alloy"), GREETING)) > 0.3
    silent.close()


async def test_what_is_installed_is_offered(provider: EmbeddedTTS) -> None:
    assert provider.voices is not None
    assert provider.voices >= {*OPENAI_VOICES, "cmn", "de", "gmw/en", "en-us", "fr-fr"}
    assert ("heart" in provider.voices) == HIBARI
    assert ("slt" in provider.voices) == (FLITE and not HIBARI)
    if HIBARI:
        assert provider.label.startswith("embedded (hibari + espeak-ng")
        assert {info.id: info.speaks_as for info in provider.list_voices()}["ash"] == "hibari/ash"


@pytest.fixture
def no_hibari(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hibari, "PACKAGE", "no_such_package")


@pytest.mark.usefixtures("no_hibari")
async def test_without_hibari_the_label_says_what_speaks_and_what_to_install() -> None:
    without = EmbeddedTTS(TTSConfig())
    await without.start()
    engines = "flite slt + espeak-ng" if FLITE else "espeak-ng"
    assert without.label.startswith(f"embedded ({engines}")
    assert "hibari is not installed" in without.label
    assert "-r requirements/embedded.txt" in without.label
    assert without.voices is not None
    assert "heart" not in without.voices
    assert ("slt" in without.voices) == FLITE
    await without.close()
    with pytest.raises(ProviderSetupError, match=r"engine is hibari, but .* not installed"):
        await EmbeddedTTS(TTSConfig(options={"engine": "hibari"})).start()


@pytest.mark.usefixtures("no_hibari")
async def test_without_flite_espeak_speaks_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flite, "find", lambda: None)
    alone = EmbeddedTTS(TTSConfig())
    await alone.start()
    assert alone.voices is not None
    assert "slt" not in alone.voices
    assert alone.label.startswith("embedded (espeak-ng")
    assert seconds(await speak(alone.create("alloy"), SENTENCE)) > 2
    await alone.close()
    with pytest.raises(ProviderSetupError, match=r"apt install flite.*REALTIME_TTS__OPTIONS"):
        await EmbeddedTTS(TTSConfig(options={"engine": "flite"})).start()


async def test_espeak_alone_on_request() -> None:
    chosen = EmbeddedTTS(TTSConfig(voice_id="marin", options={"engine": "espeak"}))
    await chosen.start()
    assert chosen.label == "embedded (espeak-ng)"
    assert {info.id: info.speaks_as for info in chosen.list_voices()}["ash"] == "gmw/en-US+m1"
    await chosen.close()


async def test_a_closed_provider_builds_no_voice() -> None:
    provider = EmbeddedTTS(TTSConfig())
    with pytest.raises(RuntimeError, match="start"):
        provider.create("alloy")
    await provider.start()
    await provider.close()
    await provider.close()
    with pytest.raises(RuntimeError, match="start"):
        provider.create("alloy")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"model": "x"}, "tts.model.*REALTIME_TTS__MODEL"),
        ({"api_base": "http://x"}, "tts.api_base.*REALTIME_TTS__API_BASE"),
        ({"options": {"rate": 1}}, "options.rate: .*engine.*REALTIME_TTS__OPTIONS"),
        (
            {"options": {"engine": "festival"}},
            "options.engine: .*'auto', 'hibari', 'espeak', 'flite'",
        ),
        ({"voice_id": "nobody"}, "voice_id 'nobody'.*alloy.*REALTIME_TTS__VOICE_ID"),
    ],
)
async def test_settings_without_meaning_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ProviderSetupError, match=says) as refusal:
        await EmbeddedTTS(TTSConfig(**settings)).start()
    assert "\n" not in str(refusal.value)


async def test_a_missing_espeak_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> espeak.Espeak:
        raise ModuleNotFoundError("No module named 'espeakng_loader'")

    monkeypatch.setattr(embedded, "Espeak", missing)
    with pytest.raises(ProviderSetupError, match="pip install espeakng-loader"):
        await EmbeddedTTS(TTSConfig()).start()


class TellingEngine(EndlessEngine):
    """Says HUM, and that the first word of its text begins after 10 ms."""

    tells_words = True

    def _speak(self, text: str, voice: str, rate_wpm: int | None, emit: Emit) -> None:
        emit(HUM, [(0, 10.0)])


@pytest.mark.parametrize("all_tell", [True, False])
async def test_words_are_timed_where_all_engines_of_a_clause_tell(
    box: VoiceBox, all_tell: bool
) -> None:
    engines = TellingEngine(), TellingEngine() if all_tell else EndlessEngine()
    mixed = VoiceBox(engines[0], espeak.Espeak().list_voices())
    mixed.add_hibari(engines[1])
    async with running(EmbeddedTTSService(mixed, "alloy")) as pipeline:
        # "short" is what the engine that does not tell can say.
        await say(pipeline, "привет, short")
        await pipeline.stage.until(LLMFullResponseEndFrame)
    told = [frame.words for frame in pipeline.stage.of(WordTimesFrame)]
    assert [[before for before, _ in words] for words in told] == ([[0], [7]] if all_tell else [])
    for engine in engines:
        engine.close()
