"""Languages in Latin letters; above all, English is always taken for English."""

from __future__ import annotations

import pytest

from providers.tts.latin_language import guess_language


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Das Wetter ist heute schön."),
        ("de", "Ich weiß nicht, wie spät es ist."),
        ("de", "Guten Tag!"),
        ("fr", "Bonjour, comment puis-je vous aider ?"),
        ("fr", "Il fait beau aujourd’hui."),
        ("fr", "Paris est la capitale de la France."),
        ("es", "¿Cómo estás?"),
        ("es", "Madrid es la capital de España."),
        ("it", "Oggi è una bella giornata."),
        ("pt", "Olá, como posso ajudar?"),
        ("nl", "Goedemorgen, hoe kan ik u helpen?"),
        ("pl", "Dzień dobry, jak mogę pomóc?"),
        ("sv", "Hej, hur kan jag hjälpa dig?"),
        ("tr", "Merhaba, size nasıl yardımcı olabilirim?"),
        ("vi", "Xin chào, tôi có thể giúp gì cho bạn?"),
    ],
)
def test_common_words_tell_a_language(language: str, text: str) -> None:
    assert guess_language(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "Hello, how can I help you today?",
        "Sure.",
        "Die Hard was on, man.",
        "Rio de Janeiro, Los Angeles, San Francisco.",
        "Ursula von der Leyen and Charles de Gaulle",
        "The Côte d'Azur",
        "Café au lait, crème brûlée and éclairs.",
        "It's déjà vu.",
        "São Paulo",
        "El Niño, Señor Muñoz",
        "He said danke and bitte.",
        "Do, re, mi, fa, so, la, ti",
        "AI, UN, EU, LA and OS",
        "keep non-printable state in non-temporary files",
        "Hola!",
        "42",
        "",
    ],
)
def test_english_is_never_taken_for_another(text: str) -> None:
    assert guess_language(text) == "en"


def test_what_does_not_tell_is_as_before() -> None:
    assert guess_language("Berlin, 1990.", "de") == "de"
    assert guess_language("And now it is time for the news.", "de") == "en"
    assert guess_language("Je ne sais pas.", "de") == "fr"
