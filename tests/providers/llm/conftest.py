"""A vendor's model behind the product, for the files of tests that are about one `VENDOR`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.providers.model_vendors import product, text_session
from tests.support.running_server import RunningServer
from tests.support.wire_client import WireClient

Pair = tuple[Any, RunningServer]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vendor_stack(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    async with product(request.module.VENDOR) as pair:
        yield pair


@pytest_asyncio.fixture(loop_scope="module")
async def fake(vendor_stack: Pair) -> Any:
    """The vendor's fake, as if nobody had asked it anything yet."""
    fake = vendor_stack[0]
    fake.forget()
    return fake


@pytest_asyncio.fixture(loop_scope="module")
async def wire(vendor_stack: Pair) -> AsyncIterator[WireClient]:
    """A session that is answered in writing."""
    async with text_session(vendor_stack[1]) as wire:
        yield wire
