"""Tests for the language of what people read."""

from __future__ import annotations

from settings.localisation import _


def test_a_text_without_a_translation_is_shown_as_it_stands_in_the_code() -> None:
    assert _("no catalogue has this text {name}").format(name="x") == (
        "no catalogue has this text x"
    )
