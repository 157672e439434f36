"""Ollama's own API, as far as models are fetched by it: which it has, and `POST /api/pull`.

This runs before the server does, so it needs no event loop.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

from pipecat.utils.security.redaction import redact_secrets

DEFAULT_MODEL = "llama3.2"
DEFAULT_BASE = "http://localhost:11434/v1"
ANSWER_S = 5
"""Seconds in which Ollama says what it has."""
SILENCE_S = 600
"""Seconds that it may say nothing while it fetches; it checks sums in silence."""


class OllamaFailure(Exception):
    """Ollama does not answer, or refuses; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """How far a model is."""

    done_bytes: int
    total_bytes: int
    """Of the parts that it has begun."""


class OllamaModels:
    """The models of one Ollama."""

    def __init__(self, base: str | None, key: str | None) -> None:
        """Prepare; connects nowhere.

        Args:
            base: `llm.api_base`; None: Ollama on this machine.
            key: Its API key, if a proxy before it wants one.
        """
        self.address = (base or DEFAULT_BASE).rstrip("/").removesuffix("/v1")
        self._key = key
        self._here = urlsplit(self.address).hostname in ("localhost", "127.0.0.1", "::1")

    def names(self) -> frozenset[str]:
        """Return what it has, with and without the tag `latest`; raises `OllamaFailure`."""
        with self._open("tags", None, ANSWER_S) as answer:
            try:
                names = {str(model["name"]) for model in json.load(answer)["models"]}
            except (ValueError, TypeError, KeyError):
                raise OllamaFailure("it does not answer as Ollama does") from None
        return frozenset(names | {name.removesuffix(":latest") for name in names})

    def pull(self, model: str) -> Iterator[Pulled]:
        """Fetch a model; yields how far it is, and raises `OllamaFailure`."""
        parts: dict[str, tuple[int, int]] = {}
        with self._open("pull", {"model": model, "stream": True}, SILENCE_S) as answer:
            for line in answer:
                try:
                    told = json.loads(line)
                except ValueError:
                    raise OllamaFailure("it does not answer as Ollama does") from None
                if "error" in told:
                    raise OllamaFailure(self._redacted(str(told["error"])))
                if "digest" in told and told.get("total"):
                    parts[told["digest"]] = (told.get("completed", 0), told["total"])
                    done, total = map(sum, zip(*parts.values(), strict=True))
                    yield Pulled(done, total)
                if told.get("status") == "success":
                    return
        raise OllamaFailure("it stopped before the model was complete")

    def _open(self, name: str, body: dict[str, Any] | None, patience_s: float) -> Any:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.address}/api/{name}", data, headers)
        try:
            return self._opener().open(request, timeout=patience_s)
        except HTTPError as error:
            raise OllamaFailure(self._redacted(_reason(error))) from None
        except URLError as error:
            reason = getattr(error.reason, "strerror", None) or error.reason
            raise OllamaFailure(str(reason)) from None
        except OSError as error:
            raise OllamaFailure(str(error)) from None

    def _opener(self) -> OpenerDirector:
        return build_opener(*([ProxyHandler({})] if self._here else []))

    def _redacted(self, text: str) -> str:
        text = redact_secrets(text)
        return text.replace(self._key, "***") if self._key else text


def _reason(error: HTTPError) -> str:
    """Return what an error's body says, else its status."""
    try:
        return str(json.loads(error.read(10_000))["error"])
    except (OSError, ValueError, TypeError, KeyError):
        return f"HTTP {error.code}"
