"""What is taken for a key among a server's settings."""

from __future__ import annotations

import pytest

from tool_servers.keys import is_key


@pytest.mark.parametrize(
    "name",
    ["Authorization", "X-Api-Key", "apiKey", "APIKEY", "--token", "GITHUB_TOKEN", "client_secret"],
)
def test_what_is_named_like_a_key_is_one(name: str):
    assert is_key(name, "monkeys")


@pytest.mark.parametrize("name", ["", "--keyboard", "--max-tokens", "NODE_ENV", "author", "X-A"])
def test_what_has_such_a_word_in_another_is_none(name: str):
    assert not is_key(name, "production")


@pytest.mark.parametrize(
    "value",
    ["0a1b2c3d4e5f6a7b", "sk-a1b2c3d4e5f6g7h8", "123e4567-e89b-12d3-a456-426614174000"],
)
def test_what_looks_like_a_key_is_one_by_any_name(value: str):
    assert is_key("", value)


@pytest.mark.parametrize(
    "value",
    [
        "documents",
        "production-of-documents",
        "2024-11-30-reports",
        "reports20241130archive",
        "0" * 40,
    ],
)
def test_words_dates_and_numbers_are_none(value: str):
    assert not is_key("", value)
