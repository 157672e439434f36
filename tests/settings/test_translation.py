"""The settings of translation sessions."""

from __future__ import annotations

import pytest

from config import ConfigError, load_settings


@pytest.mark.parametrize("language", ["xx", "", "Spanish", "es;de"])
def test_what_is_no_language_is_refused_at_the_start(language):
    with pytest.raises(ConfigError, match=r"translation\.language.*is no language code"):
        load_settings(translation={"language": language})


@pytest.mark.parametrize("language", ["es", "pt-BR", "zh_Hant", "EN-us", "yue"])
def test_languages_with_script_and_region_are_taken(language):
    assert load_settings(translation={"language": language}).translation.language == language
