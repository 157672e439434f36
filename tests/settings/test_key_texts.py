"""Which texts of the settings are keys, and in which forms they may be quoted."""

from __future__ import annotations

from config import Settings, load_settings

KEY = 'bt_OPERATOR/key+"quoted"=='


def test_keys_of_every_group_and_of_every_stack_are_found(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-a-variable")
    settings = load_settings(
        llm={
            "provider": "openai",
            "api_key": "OPLLM-0123456789",
            "options": {"token": "in-a-option"},
        },
        server={"api_keys": ["client-key-0123456789"]},
        stacks={"other": {"tts": {"api_key": "OPTTS-0123456789"}}},
    )
    texts = settings.key_texts()
    for key in (
        "sk-of-a-variable",
        "OPLLM-0123456789",
        "in-a-option",
        "client-key-0123456789",
        "OPTTS-0123456789",
    ):
        assert key in texts


def test_a_key_is_found_as_a_url_and_json_write_it():
    texts = Settings(llm={"api_key": KEY}).key_texts()
    assert KEY in texts
    assert "bt_OPERATOR%2Fkey%2B%22quoted%22%3D%3D" in texts
    assert 'bt_OPERATOR/key+\\"quoted\\"==' in texts
    assert list(texts) == sorted(texts, key=len, reverse=True)


def test_words_that_are_no_keys_stay():
    settings = load_settings(llm={"provider": "openai", "api_base": "http://localhost:1/v1"})
    assert "http://localhost:1/v1" not in settings.key_texts()
