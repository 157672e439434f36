"""A language model of the user's own, as a GGUF file: llama.cpp in a process of this server."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from loguru import logger
from pipecat.services.llm_service import LLMService
from pipecat.utils.errors import ErrorCategory
from pydantic import Field, SecretStr

from config import LLMConfig
from providers.base import LLMProvider, ProviderSetupError
from providers.llm.alternating_messages import MessageForm
from providers.llm.llama_process import LlamaError, LlamaProcess
from providers.llm.llama_worker import Setup
from providers.llm.openai import OpenAICompatibleLLM
from providers.options import Options, parse_options, refuse
from session.ports import ResponseRequest
from settings.installation import install_extra
from settings.localisation import _, system_reason

LIBRARY = "xllamacpp"
CONTEXT_TOKENS = 8192
"""Tokens of a conversation that are read unless the settings or the model say otherwise."""
_ANSWER_TOKENS = 2048
"""Room beyond them: for the answer, and as they are estimated."""
_MAGIC = b"GGUF"


class GgufOptions(Options):
    """`llm.options`."""

    threads: int | None = Field(None, ge=1, le=512)
    """Threads that compute; None: half of the processors, as the server needs some too."""
    gpu_layers: int = Field(-1, ge=-1, le=10_000)
    """Layers on the graphics card; -1: as many as it has room for, 0: none."""
    messages: MessageForm | None = None
    """As for `openai`; None: `alternating`."""


class GgufModel(LLMProvider):
    """`llm.provider = "embedded"` with `llm.model`, the path of a GGUF file."""

    images = False
    reasoning = False
    remedies: Mapping[ErrorCategory, str] = {
        ErrorCategory.CONNECTIVITY: "It is started again; the server's log says why it ended.",
        ErrorCategory.INVALID_REQUEST: (
            "Check llm.context_tokens (REALTIME_LLM__CONTEXT_TOKENS), and whether the model takes "
            "what it was asked for."
        ),
    }

    def __init__(self, config: LLMConfig) -> None:
        """Check the settings.

        Raises:
            ProviderSetupError: No such file, no GGUF file, a setting without effect, or llama.cpp
                is not installed.
        """
        refuse("llm", config, ("api_key", "api_base"))
        self._options = parse_options("llm", config, GgufOptions)
        self._config = config
        self._file = _model_file(config.model or "")
        if find_spec(LIBRARY) is None:
            raise ProviderSetupError(
                _("A GGUF file needs the package '{package}': {command}").format(
                    package=LIBRARY, command=install_extra("gguf")
                )
            )
        self._process: LlamaProcess | None = None
        self._model: OpenAICompatibleLLM | None = None
        self._watching: asyncio.Task[None] | None = None
        self._wanted = config.context_tokens or CONTEXT_TOKENS
        self._lender: GgufModel | None = None
        self._guests: list[GgufModel] = []
        self.context_tokens = config.context_tokens or CONTEXT_TOKENS

    @property
    def label(self) -> str:
        """Provider and file."""
        return f"embedded ({self._file.name} by llama.cpp)"

    def share(self, other: GgufModel) -> None:
        """Ask the process of another one, which then reads as many tokens as this one wants."""
        self._lender = other
        other._guests.append(self)

    async def start(self) -> None:
        """Load the model.

        Raises:
            ProviderSetupError: llama.cpp cannot load it.
        """
        if self._lender is not None:
            return
        try:
            await self._launch()
        except LlamaError as error:
            raise ProviderSetupError(
                _(
                    "llama.cpp cannot load {file}: {reason}. Fetch the file anew, or take another "
                    "model ({variable})."
                ).format(
                    file=self._file,
                    reason=str(error).rstrip("."),
                    variable="REALTIME_LLM__MODEL",
                )
            ) from error
        self._watching = asyncio.create_task(self._watch(), name="llama.cpp")

    def create(self, request: ResponseRequest) -> LLMService:
        """Build the model of one response."""
        assert self._model is not None, "it has not been started"
        return self._model.create(request)

    async def close(self) -> None:
        """End llama.cpp."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        if self._process is not None:
            await self._process.stop()
        if self._model is not None:
            await self._model.close()

    async def _launch(self) -> None:
        """Start a process, with a key that nobody else knows."""
        key = secrets.token_urlsafe(32)
        wanted = max(user._wanted for user in (self, *self._guests))
        processors = os.cpu_count() or 2
        self._process = await LlamaProcess.launch(
            Setup(
                model=str(self._file),
                name=self._file.stem,
                key=key,
                context_tokens=wanted + _ANSWER_TOKENS,
                threads=self._options.threads or max(1, processors // 2),
                gpu_layers=self._options.gpu_layers,
            )
        )
        for user in (self, *self._guests):
            user._connect(self._process, key)

    def _connect(self, process: LlamaProcess, key: str) -> None:
        """Ask a process from now on."""
        self.context_tokens = min(self._wanted, process.context_tokens * 3 // 4)
        self.secrets = self.secrets | {key}
        form = {"messages": self._options.messages} if self._options.messages else {}
        self._model = OpenAICompatibleLLM(
            self._config.model_copy(
                update={
                    "provider": "openai",
                    "api_base": f"{process.address}/v1",
                    "api_key": SecretStr(key),
                    "model": self._file.stem,
                    "options": form,
                }
            )
        )

    async def _watch(self) -> None:
        """Start llama.cpp again when it ends."""
        while True:
            assert self._process is not None
            assert self._model is not None
            reason = await self._process.ended()
            logger.error(f"llama.cpp ended ({reason}). It is started again.")
            await self._process.stop()
            before = [user._model for user in (self, *self._guests)]
            try:
                await self._launch()
            except LlamaError as error:
                logger.error(f"llama.cpp cannot load {self._file}: {error}. It stays off.")
                return
            for model in filter(None, before):
                await model.close()


def _model_file(written: str) -> Path:
    """Return the model's file.

    Raises:
        ProviderSetupError: There is none, or it is no GGUF file.
    """
    file = Path(written).expanduser()
    setting = "llm.model (REALTIME_LLM__MODEL)"
    if not file.is_file():
        raise ProviderSetupError(
            _(
                "There is no file {file}. For the provider 'embedded', {setting} is the path of a "
                "GGUF file, such as ~/models/qwen2.5-3b-instruct-q4_k_m.gguf; a model of Ollama's "
                'needs llm.provider = "ollama".'
            ).format(file=file, setting=setting)
        )
    try:
        with file.open("rb") as begun:
            magic = begun.read(len(_MAGIC))
    except OSError as error:
        raise ProviderSetupError(
            _("{file} cannot be read ({reason}): check {setting} and who may read it.").format(
                file=file, reason=system_reason(error), setting=setting
            )
        ) from error
    if magic != _MAGIC:
        raise ProviderSetupError(
            _(
                "{file} is no GGUF file: {setting} takes a model in llama.cpp's format, whose "
                "files end in .gguf."
            ).format(file=file, setting=setting)
        )
    return file.resolve()
