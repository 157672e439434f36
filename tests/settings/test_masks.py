"""Where a key is hidden that may be a word, and where the word stays."""

from __future__ import annotations

import pytest

from settings.masks import is_word, masked


@pytest.mark.parametrize("key", ["ollama", "none", "EMPTY", "not-needed", "lm-studio", "no_key"])
def test_what_local_servers_are_given_is_a_word(key: str) -> None:
    assert is_word(key)


@pytest.mark.parametrize(
    "key",
    [
        *("sk-0123456789abcdef", "hunter2", "correct-horse-battery-staple", "aBcDeFgHiJ"),
        *("abcdefghijkl", "k€y", "two words", "", 'we"ird', "sk-vllm-secret-key"),
    ],
)
def test_what_may_be_a_secret_is_none(key: str) -> None:
    assert not is_word(key)
    if key:
        assert masked(f"model-{key}s", [key]) == "model-***s"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Incorrect API key provided: ollama.", "Incorrect API key provided: ***."),
        ("Incorrect API key provided: 'ollama'", "Incorrect API key provided: '***'"),
        ("Authorization: Bearer ollama", "Authorization: Bearer ***"),
        ("b'authorization', b'Bearer ollama'", "b'authorization', b'Bearer ***'"),
        ('{"api_key": "ollama"}', '{"api_key": "***"}'),
        ("api_key='ollama', model='ollama'", "api_key='***', model='ollama'"),
        (r"{\"api_key\": \"ollama\"}", r"{\"api_key\": \"***\"}"),
        ("?api-key=ollama&model=ollama-m", "?api-key=***&model=ollama-m"),
        ("the token is ollama", "the token is ***"),
        ("'ollama' is not a valid API key", "'***' is not a valid API key"),
        ("`ollama`: unknown token", "`***`: unknown token"),
        ("Unauthorized: ollama", "Unauthorized: ***"),
        ("401 Unauthorized (ollama)", "401 Unauthorized (***)"),
        ("Authentication failed: 'ollama' is refused", "Authentication failed: '***' is refused"),
        ("Invalid credentials: ollama.", "Invalid credentials: ***."),
        ("Error code: 403: ollama", "Error code: 403: ***"),
    ],
)
def test_a_word_is_hidden_where_it_is_quoted_as_a_key(said: str, shown: str) -> None:
    assert masked(said, ["ollama"]) == shown


@pytest.mark.parametrize(
    "said",
    [
        "LLM ollama-m at 127.0.0.1 failed",
        "Generating TTS [I am alpha as ollama.]",
        "provider='ollama', key=None",
        '{"model": "ollama", "api-key": null}',
        "Check that llm.api_key is right: see ollama.com",
        "the key ollama-m",
        "Ollama has no key",
        "Unauthorized by ollama",
        "Unauthorized: the server ollama refuses it",
        "port 5403: ollama",
    ],
)
def test_it_stays_in_names_and_sentences(said: str) -> None:
    assert masked(said, ["ollama"]) == said
