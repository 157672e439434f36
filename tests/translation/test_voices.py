"""Which voice speaks the target language, and the refusal where none does."""

from __future__ import annotations

import pytest

from config import TTSConfig
from providers import tts
from translation.voices import Voices
from wire.errors import ProtocolError

PIPER = [
    ("anna", "de-DE"),
    ("bob", "en-US"),
    ("carlos", "es-ES"),
    ("diego", "es-MX"),
    ("liam", "en-GB"),
]


def voices(*languages: tuple[str, str | None], preferred: str = "liam") -> Voices:
    return Voices(preferred, languages, "piper")


@pytest.mark.parametrize(
    ("language", "voice"),
    [
        ("en", "liam"),
        ("en-US", "bob"),
        ("en_us", "bob"),
        ("es-MX", "diego"),
        ("es", "carlos"),
        ("ES-AR", "carlos"),
        ("de", "anna"),
    ],
)
def test_the_configured_voice_goes_first_and_the_region_counts(language: str, voice: str) -> None:
    assert voices(*PIPER).speaking(language) == voice


def test_a_language_without_a_voice_is_refused_by_name() -> None:
    with pytest.raises(ProtocolError) as refused:
        voices(*PIPER).speaking("ja")
    assert refused.value.param == "session.audio.output.language"
    assert refused.value.message == (
        "piper has no voice for 'ja', only for de, en, es; configure another voice."
    )


@pytest.mark.parametrize("language", ["english", "xx", "", "e", "en us"])
def test_what_is_no_language_is_refused(language: str) -> None:
    with pytest.raises(ProtocolError, match="is no language code"):
        voices().speaking(language)


def test_voices_that_speak_several_languages_or_do_not_tell_take_any() -> None:
    assert voices().speaking("ja") == "liam"
    assert voices(("alloy", None), preferred="alloy").speaking("ja") == "alloy"
    assert voices(("own", None), ("anna", "de"), preferred="anna").speaking("ja") == "own"
    assert voices(*PIPER, preferred="unlisted").speaking("ja") == "unlisted"


def test_the_default_is_what_is_wanted_else_what_the_voices_speak() -> None:
    assert voices(*PIPER).default("en") == "en"
    assert voices(("anna", "de-DE"), preferred="anna").default("en") == "de"
    with pytest.raises(ProtocolError):
        voices(*PIPER).default("nonsense")


def test_voices_of_several_languages_speak_those_that_they_tell() -> None:
    listed = Voices("alloy", [("alloy", None), ("fi", "fi")], "espeak", frozenset({"en", "de"}))
    assert listed.speaking("de") == "alloy"
    assert listed.speaking("fi") == "fi"
    with pytest.raises(ProtocolError, match="espeak has no voice for 'bo', only for de, en, fi"):
        listed.speaking("bo")


async def test_the_embedded_voice_speaks_what_its_engines_have() -> None:
    voice = tts.load(TTSConfig(provider="embedded", options={"engine": "espeak"}))
    await voice.start()
    try:
        listed = Voices("alloy", voice.voice_languages(), voice.label, voice.several)
        for language in ("en", "de", "fr", "zh", "ja", "ru", "pt-BR"):
            assert listed.speaking(language) == "alloy"
        for language in ("fi", "uk"):
            assert listed.speaking(language) == language
        for language in ("bo", "dz"):
            with pytest.raises(ProtocolError, match=f"has no voice for '{language}'"):
                listed.speaking(language)
    finally:
        await voice.close()
