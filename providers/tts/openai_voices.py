"""The voices that an OpenAI-compatible server has, and what OpenAI's names stand for there.

speaches, Kokoro-FastAPI and others list theirs at `GET /v1/audio/voices`, each in a form of its
own; OpenAI itself and many more do not. Clients ask for `alloy` everywhere.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

from loguru import logger
from openai import APIConnectionError, APIError, APITimeoutError, AsyncOpenAI

from providers.base import StageFailure
from session.ports import OPENAI_VOICES

PATIENCE_S = 3.0
"""Seconds to wait for the list; without it, names are passed on as they are."""


class ServerVoices:
    """The voices of one server, fetched once."""

    def __init__(
        self, client: AsyncOpenAI, model: str, chosen: str | None, by_hand: Mapping[str, str]
    ) -> None:
        """Start without the server's list, which `ask` fetches.

        Args:
            client: Client of the server.
            model: Whose voices are wanted, if the server lists those of several.
            chosen: The configured voice; if it is the server's own, OpenAI's names stand for it.
            by_hand: Name → voice, as configured; takes precedence.
        """
        self._client = client
        self._model = model
        self._chosen = chosen
        self._by_hand = by_hand
        self.named: dict[str, str] = dict(by_hand)
        """Name → the voice it stands for; other names are the server's own."""
        self.listed: tuple[str, ...] | None = None
        """The server's own names; None: it could not be reached so far."""

    async def own_name(self, voice: str) -> str:
        """Return the server's name of a voice; fetch the list if that failed before."""
        if self.listed is None:
            await self.ask()
        return self.named.get(voice, voice)

    async def ask(self) -> None:
        """Ask the server for its voices. A server that lists none, or is down, is no failure."""
        client = self._client
        answer: object = None
        try:
            # The client's own time-out starts again with every chunk of a reply.
            async with asyncio.timeout(PATIENCE_S):
                answer = await client.get(
                    "/audio/voices",
                    cast_to=object,
                    options={"max_retries": 0, "timeout": PATIENCE_S},
                )
        except StageFailure as error:
            remedy = error.remedy or "Say what names stand for with tts.options.voices."
            where = f"{client.base_url.host}{client.base_url.path}audio/voices"
            logger.warning(f"TTS: the voices at {where} remain unknown: {error.reason}. {remedy}")
        # The reply may be no JSON, or JSON nested too deeply to parse.
        except (APIError, TimeoutError, ValueError, RecursionError) as error:
            # Its text may quote the key.
            logger.debug(f"{client.base_url.host} lists no voices: {type(error).__name__}")
            if isinstance(error, APIConnectionError) and not isinstance(error, APITimeoutError):
                return
        self.listed = voice_names(answer, self._model)
        self.named.update({**stand_ins(self.listed, self._chosen), **self._by_hand})


def voice_names(answer: Any, model: str) -> tuple[str, ...]:
    """Return the voices that a server's answer names, in its order.

    Args:
        answer: A list, or an object with one as `voices` or `data`; of names, or of objects that
            have a `voice_id`, `id` or `name`, and perhaps a `model_id`.
        model: Only this model's voices are taken, if the answer names models at all.
    """
    found = answer
    if isinstance(answer, dict):
        found = answer.get("voices", answer.get("data"))
    if not isinstance(found, list):
        return ()
    listed = [entry if isinstance(entry, dict) else {"id": entry} for entry in found]
    ours = [entry for entry in listed if entry.get("model_id") == model] or listed
    names = (entry.get("voice_id") or entry.get("id") or entry.get("name") for entry in ours)
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str)))


def stand_ins(listed: Sequence[str], chosen: str | None) -> dict[str, str]:
    """Return OpenAI's names → voices of a server that has none of these names.

    Without a chosen voice, a name stands for a similar one (`af_nova`) if there is one; the others
    get voices from the top of the list, as those further down may be of other languages.
    """
    if not listed or set(listed) & set(OPENAI_VOICES):
        return {}
    if chosen is not None and chosen in listed:
        return dict.fromkeys(OPENAI_VOICES, chosen)
    alike = {
        name: voice
        for name in OPENAI_VOICES
        for voice in reversed(listed)
        if name in re.split(r"[^a-z]+", voice.lower())
    }
    others = [voice for voice in listed if voice not in alike.values()] or list(listed)
    missing = [name for name in OPENAI_VOICES if name not in alike]
    return {**alike, **{name: others[n % len(others)] for n, name in enumerate(missing)}}
