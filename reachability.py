"""Whether the providers' services answer: a TCP connection each, and nothing that costs money.

Only services with an `api_base` can be asked; models in this process are there once it is ready,
and what a vendor's library connects to is its own affair.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

from config import Settings

PATIENCE_S = 2.0
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


async def unreachable(settings: Settings) -> Mapping[str, str]:
    """Return stage → why its service cannot be reached, for those that cannot."""
    bases = {"stt": settings.stt, "llm": settings.llm, "tts": settings.tts}
    asked = {stage: config.api_base for stage, config in bases.items() if config.api_base}
    answers = await asyncio.gather(*(_try(base) for base in asked.values()))
    return {stage: reason for stage, reason in zip(asked, answers, strict=True) if reason}


async def _try(base: str) -> str | None:
    url = urlsplit(base)
    where = f"{url.hostname}:{url.port or _PORTS[url.scheme]}"
    try:
        async with asyncio.timeout(PATIENCE_S):
            _reader, writer = await asyncio.open_connection(
                url.hostname, url.port or _PORTS[url.scheme]
            )
    except TimeoutError:
        return f"{where} did not answer within {PATIENCE_S:g} s"
    except OSError as error:
        return f"{where} cannot be reached ({error.strerror or error})"
    writer.close()
    return None
