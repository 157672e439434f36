"""The engines of this server: the configured recogniser and voice, started once, and their places.

The port is open while they load, so that whoever watches sees what the server waits for.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

from config import ConfigError, Settings, STTConfig, TTSConfig
from flow.watchdog import Patience
from models_http.places import Full, Places, Seat
from models_http.refusals import RETRY_AFTER_S, Refusal, failed, full
from providers import stt as stt_providers
from providers import tts as tts_providers
from providers.base import STTProvider, TTSProvider
from session.ports import FailureReason
from settings.localisation import _

Kind = Literal["stt", "tts"]
KINDS: tuple[Kind, ...] = ("stt", "tts")
State = Literal["starting", "healthy", "draining", "failed"]
ELSEWHERE = 16
"""Calls at a time of a provider whose engine runs elsewhere."""
_OPENAI_NAMES: dict[Kind, str] = {
    "stt": r"whisper-1|gpt(-4o(-mini)?)?-transcribe(-\d{4}-\d\d-\d\d)?",
    "tts": r"tts-1(-hd)?|gpt-4o-mini-tts(-\d{4}-\d\d-\d\d)?",
}
"""OpenAI's names of such models, by which programs ask that were written for OpenAI."""

P = TypeVar("P", STTProvider, TTSProvider)


@dataclass(frozen=True, slots=True)
class Engine(Generic[P]):
    """A recogniser or a voice that this server runs."""

    kind: Kind
    provider: P
    config: STTConfig | TTSConfig
    places: Places
    patience: Patience

    @property
    def name(self) -> str:
        """The model's own name for clients, whom the folder of a file is no concern of."""
        model = self.config.model
        return Path(model).name if model else self.config.provider

    def check_model(self, name: str) -> None:
        """Refuse a model that is not served here.

        Raises:
            Refusal: It is neither this one's name, nor one of OpenAI's that it stands in for.
        """
        if name == self.name or re.fullmatch(_OPENAI_NAMES[self.kind], name):
            return
        example = "whisper-1" if self.kind == "stt" else "tts-1"
        raise Refusal(
            404,
            "model_not_found",
            f"The model '{name[:100]}' is not served here: ask for '{self.name}', or by one of "
            f"OpenAI's names, such as '{example}'.",
            "model",
        )

    def seat(self) -> Seat:
        """Return the seat of a call: `with engine.seat() as seat`.

        Raises:
            Refusal: All are taken.
        """
        try:
            return self.places.seat()
        except Full:
            what = "recogniser" if self.kind == "stt" else "voice"
            raise full(what, self.places.parallel, self.places.queue) from None

    def late(self, what: str) -> Refusal:
        """Return what a client is told whose call has taken longer than the settings let it.

        Args:
            what: What has not come: `no result within 3 s`.
        """
        stage: Literal["STT", "TTS"] = "STT" if self.kind == "stt" else "TTS"
        message = f"{stage} {self.provider.label} failed: {what} ({self.kind}.timeout_s)."
        return failed(FailureReason(message, "provider_unreachable", stage=stage))


class Engines:
    """What this server runs, and whether it does."""

    def __init__(
        self,
        settings: Settings,
        kinds: Collection[Kind] = KINDS,
        *,
        stt: STTProvider | None = None,
        tts: TTSProvider | None = None,
    ) -> None:
        """Choose the engines; `start` loads them.

        Args:
            settings: The configuration, which names them.
            kinds: Which of the two are served.
            stt: A recogniser of your own, instead of the configured one.
            tts: A voice of your own, instead of the configured one.

        Raises:
            ProviderSetupError: One cannot work as configured.
            ConfigError: The settings ask for what a server of models has not.
        """
        _check(settings)
        self.state: State = "starting"
        self.stt: Engine[STTProvider] | None = None
        self.tts: Engine[TTSProvider] | None = None
        self._settings = settings
        if "stt" in kinds:
            hearing = stt or stt_providers.load(settings.stt)
            self.stt = self._engine("stt", hearing, settings.stt)
        if "tts" in kinds:
            speaking = tts or tts_providers.load(settings.tts)
            self.tts = self._engine("tts", speaking, settings.tts)
        self._left = asyncio.Event()
        """Set when it is leaving, and nothing is waited for any more."""
        self._calls = 0
        self._uploads: set[asyncio.Timeout] = set()

    def _engine(self, kind: Kind, provider: P, config: STTConfig | TTSConfig) -> Engine[P]:
        own = self._settings.model_server
        parallel = own.parallel or provider.parallel or ELSEWHERE
        return Engine(kind, provider, config, Places(parallel, own.queue), Patience.of(config))

    @property
    def all(self) -> list[Engine[STTProvider] | Engine[TTSProvider]]:
        """Those that are served."""
        return [engine for engine in (self.stt, self.tts) if engine is not None]

    @property
    def ready(self) -> bool:
        """Whether calls are answered."""
        return self.state == "healthy"

    @property
    def calls(self) -> int:
        """Calls that are being answered."""
        return self._calls

    async def start(self) -> None:
        """Load the engines.

        Raises:
            ProviderSetupError: One cannot be loaded.
        """
        try:
            for engine in self.all:
                await engine.provider.start()
                # Some know how much they can do only when they are loaded.
                parallel = self._settings.model_server.parallel or engine.provider.parallel
                engine.places.widen(parallel or ELSEWHERE)
        except Exception:
            # Not if it is cancelled: then the end was asked for.
            self.state = "failed"
            raise
        self.state = "healthy"

    async def close(self) -> None:
        """Release the engines."""
        for engine in self.all:
            await engine.provider.close()

    def check_ready(self) -> None:
        """Refuse a call that finds the engines loading, or leaving.

        Raises:
            Refusal: They are.
        """
        if self.ready:
            return
        if self.state == "draining":
            code, message = "server_draining", "The server is shutting down; ask another one."
        else:
            code, message = "server_starting", "The server is loading its models; try again soon."
        raise Refusal(503, code, message, retry_after_s=RETRY_AFTER_S)

    def begun(self) -> None:
        """Note that a call is being answered."""
        self._calls += 1

    def ended(self) -> None:
        """Note that a call is over."""
        self._calls -= 1
        self._leave_when_idle()

    @asynccontextmanager
    async def until_draining(self) -> AsyncIterator[None]:
        """Do what the end of the server does not wait for.

        Raises:
            TimeoutError: The end has begun.
        """
        async with asyncio.timeout(None) as bound:
            self._uploads.add(bound)
            try:
                yield
            finally:
                self._uploads.discard(bound)

    async def drain(self, grace_s: float) -> None:
        """Refuse further calls, and wait until those that are being answered are over.

        Args:
            grace_s: Seconds to wait at most.
        """
        if self.ready:
            self.state = "draining"
        # A client can send its request to another server, and this one might never come whole.
        for bound in self._uploads:
            bound.reschedule(asyncio.get_running_loop().time())
        self._leave_when_idle()
        try:
            async with asyncio.timeout(grace_s):
                await self._left.wait()
        except TimeoutError:
            return

    def hurry(self) -> None:
        """Wait no longer for calls that are being answered."""
        self._left.set()

    def redacted(self, text: str) -> str:
        """Return `text` without the engines' secrets."""
        for engine in self.all:
            text = engine.provider.redacted(text)
        return text

    def _leave_when_idle(self) -> None:
        if self.state != "healthy" and not self._calls:
            self._left.set()


def _check(settings: Settings) -> None:
    """Refuse what a server of models would otherwise not heed.

    Raises:
        ConfigError: There is such a thing.
    """
    if settings.server.workers > 1:
        raise ConfigError(
            _(
                "server.workers is {workers}, and the server of models is one process, whose "
                "engines compute on threads: leave it at 1, and raise the engine's options "
                "(parallel, workers), or run several servers behind a balancer."
            ).format(workers=settings.server.workers)
        )
    if settings.stacks:
        raise ConfigError(
            _(
                "The server of models runs one stack, and the settings name others ({names}): run "
                "one server for each, with --profile or --config."
            ).format(names=", ".join(settings.stacks))
        )
    if settings.upstream.provider is not None:
        raise ConfigError(
            _(
                "upstream.provider is {provider}, which hears and speaks elsewhere, and the server "
                "of models would have nothing to run: unset it."
            ).format(provider=settings.upstream.provider)
        )
