"""Whom a provider trusts: what this machine trusts, or the file that the environment names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.http_clients import trusted
from tests.foreign_clients.tls import tls_front
from tests.support.fake_openai import FakeOpenAI
from tests.support.openai_stack import settings_for
from tests.support.running_server import running, serving
from tests.support.wire_client import client


@pytest.fixture(autouse=True)
def _read_anew() -> Iterator[None]:
    trusted.cache_clear()
    yield
    trusted.cache_clear()


@pytest.mark.parametrize(("named", "status"), [(True, "completed"), (False, "failed")])
async def test_a_certificate_of_ones_own_is_trusted_when_it_is_named(
    named: bool, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(FakeOpenAI().app) as port, tls_front(port, tmp_path) as front:
        if named:
            monkeypatch.setenv("SSL_CERT_FILE", str(front.certificate))
        settings = settings_for(f"https://127.0.0.1:{front.port}/v1", llm={"retries": 0})
        async with running(settings) as server, client(server.url) as wire:
            await wire.update(output_modalities=["text"])
            await wire.say("Hi.")
            assert (await wire.until("response.done"))["response"]["status"] == status
