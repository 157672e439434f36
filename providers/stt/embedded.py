"""A recogniser that needs no key, no network and no download: pocketsphinx, for US English.

It decodes turns while they are spoken, so the transcript is ready moments after the last word.
"""

from __future__ import annotations

import asyncio
from importlib.util import find_spec

from pydantic import Field

from config import STTConfig
from providers.base import ProviderSetupError, STTProvider
from providers.frames import TurnCommittedFrame, TurnStartedFrame
from providers.options import Options, parse_options, refuse, variable
from providers.stt.sphinx_pool import SphinxPool
from providers.stt.sphinx_process import RecogniserError, Recognition
from providers.stt.turns import TurnSTTService
from settings.installation import reinstall
from settings.provider_declarations import Declaration

DEFAULT_WORKERS = 2
MAX_WORKERS = 8
_ANOTHER = "another recogniser, such as REALTIME_STT__PROVIDER=openai"


class SphinxSTTService(TurnSTTService):
    """The recogniser of one session, on processes that all sessions share."""

    def __init__(self, pool: SphinxPool) -> None:
        """Recognise with the processes of `pool`."""
        super().__init__()
        self._pool = pool
        self._turns_heard: dict[str, tuple[Recognition, asyncio.Task[None]]] = {}
        self._mean = ""

    async def begin_turn(self, turn: TurnStartedFrame) -> None:
        """Begin a recognition; it takes a process if one is free."""
        recognition_id = turn.recognition_id
        recognition = self._pool.open(self._mean)
        relay = self.create_task(
            self._relay(recognition_id, recognition), f"interims {recognition_id}"
        )
        self._turns_heard[recognition_id] = recognition, relay

    async def hear(self, recognition_id: str, audio: bytes) -> None:
        """Pass audio on."""
        self._turns_heard[recognition_id][0].feed(audio)

    async def commit_turn(self, frame: TurnCommittedFrame) -> None:
        """Wait for the transcript and push it."""
        recognition, relay = self._turns_heard[frame.recognition_id]
        self._pool.commit(recognition, frame.audio)
        # The interim results come before the final one.
        await asyncio.wait([relay])
        transcript = await recognition.result()
        if transcript.text:
            # A turn without words is no sample of the speaker's cepstral mean.
            self._mean = transcript.mean
        await self.push_final(frame.recognition_id, transcript.text)
        del self._turns_heard[frame.recognition_id]

    async def discard_turn(self, recognition_id: str) -> None:
        """Give the process back."""
        recognition, relay = self._turns_heard.pop(recognition_id)
        self._pool.abandon(recognition)
        await self.cancel_task(relay)

    async def _relay(self, recognition_id: str, recognition: Recognition) -> None:
        async for text in recognition.interims():
            await self.push_interim(recognition_id, text)


class EmbeddedSTTOptions(Options):
    """`stt.options`."""

    workers: int = Field(DEFAULT_WORKERS, ge=1, le=MAX_WORKERS)
    """Number of recogniser processes, and so of turns decoded at a time."""


class EmbeddedSTT(STTProvider):
    """The recogniser processes of the server."""

    declaration = Declaration(kind="stt", name="embedded", options=EmbeddedSTTOptions)
    languages = frozenset({"en"})
    accepts_prompt = False
    # Measured: of the words on which two interim results agree, one in six is revised later.
    steady_interims = False

    def __init__(self, config: STTConfig) -> None:
        """Check the settings; `start` starts the processes.

        Raises:
            ProviderSetupError: A setting has no meaning here, or pocketsphinx is missing.
        """
        refuse("stt", config, ("model", "api_base"), f"configure {_ANOTHER}")
        language = config.language
        if language is not None and language.lower().replace("_", "-").split("-")[0] != "en":
            raise ProviderSetupError(
                f"stt.language '{language}' is not understood by the embedded recogniser, which "
                f"knows US English only: unset {variable('stt', 'language')} or configure "
                f"{_ANOTHER}."
            )
        self._pool = SphinxPool(parse_options("stt", config, EmbeddedSTTOptions).workers)

    @property
    def label(self) -> str:
        """Provider, engine and language."""
        return "embedded (pocketsphinx, US English)"

    @property
    def pids(self) -> list[int]:
        """Process ids of the recogniser's workers, for supervision."""
        return self._pool.pids

    async def start(self) -> None:
        """Start the processes and wait until each has loaded its model.

        Raises:
            ProviderSetupError: pocketsphinx is missing or cannot start.
        """
        if find_spec("pocketsphinx") is None:
            raise ProviderSetupError(
                "The embedded recogniser needs pocketsphinx, which has no wheel for this version "
                f"of Python: use Python 3.11 to 3.13 ({reinstall()}), or configure {_ANOTHER}."
            )
        try:
            await self._pool.start()
        except (RecogniserError, OSError) as error:
            raise ProviderSetupError(
                f"The embedded recogniser cannot start ({error}): reinstall pocketsphinx, or "
                f"configure {_ANOTHER}."
            ) from error

    async def close(self) -> None:
        """End the processes."""
        await self._pool.close()

    def create(self) -> SphinxSTTService:
        """Build the recogniser of one session."""
        return SphinxSTTService(self._pool)
