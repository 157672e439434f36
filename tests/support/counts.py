"""Reads the metrics of a running server."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.support.running_server import RunningServer, plain_http


async def counted(
    server: RunningServer, http: httpx.AsyncClient | None = None, **options: Any
) -> dict[str, float]:
    """Return every sample of `/metrics`: `name{label="value"}` → value."""
    async with AsyncExitStack() as stack:
        if http is None:
            http = await stack.enter_async_context(plain_http())
        answer = await http.get(f"{server.http}/metrics", **options)
    assert answer.status_code == 200
    samples = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            samples[f"{sample.name}{{{labels}}}"] = sample.value
    return samples
