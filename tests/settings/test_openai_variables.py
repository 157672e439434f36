"""What the SDK reads of the environment, and what is left of it for another server."""

from __future__ import annotations

import pytest
from openai import AsyncOpenAI

from settings.openai_variables import forget_vendor


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-for-openai-alone")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-for-openai-alone")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Key: sk-for-openai-alone\nX-Team: b")


def sent(client: AsyncOpenAI) -> list[str]:
    return [value for value in client.default_headers.values() if isinstance(value, str)]


def test_what_it_has_read_is_sent_no_more():
    client = AsyncOpenAI(api_key="x", base_url="http://localhost:1/v1")
    assert [value for value in sent(client) if "for-openai-alone" in value], "it reads them"
    forget_vendor(client)
    assert not [value for value in sent(client) if "for-openai-alone" in value]


def test_what_it_was_given_stays():
    client = AsyncOpenAI(
        api_key="x",
        base_url="http://localhost:1/v1",
        organization="org-of-the-proxy",
        default_headers={"X-Team": "a"},
    )
    forget_vendor(client, organization="org-of-the-proxy")
    assert {"org-of-the-proxy", "a"} <= set(sent(client))
