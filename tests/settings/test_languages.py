"""Names of languages, as the model reads them."""

from __future__ import annotations

import pytest

from settings.languages import is_language, language_name


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("de", "German"),
        ("pt-BR", "Portuguese (pt-BR)"),
        ("zh-Hant-TW", "Chinese (zh-Hant-TW)"),
        ("yue", "Cantonese"),
        ("cmn", "Mandarin Chinese"),
    ],
)
def test_names(tag: str, name: str) -> None:
    assert is_language(tag)
    assert language_name(tag) == name


@pytest.mark.parametrize(
    "tag", ["xx", "german", "de-", "-de", "d e", "de--AT", "de-toolongasubtag"]
)
def test_what_is_no_language(tag: str) -> None:
    assert not is_language(tag)
