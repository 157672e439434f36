"""Streams the MP3 of one clause from Microsoft Edge's voices, or raises the reason for a failure.

`edge-tts` implements the protocol, with a connection per clause. It does not detect that a stream
was cut or has fallen silent; this does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import aiohttp
from edge_tts import Communicate
from edge_tts.exceptions import EdgeTTSException, NoAudioReceived, SkewAdjustmentError
from edge_tts.typing import TTSChunk
from pipecat.utils.errors import ErrorCategory, classify_http_status_code

from config import TTSConfig
from providers.base import StageFailure
from providers.tts.voice_base import VoiceFailure


class EdgeError(VoiceFailure, StageFailure):
    """A failure of the service."""

    def __init__(
        self, reason: str, category: ErrorCategory, *, quoted: str = "", refused: bool = False
    ) -> None:
        """Describe a failure.

        Args:
            reason: What happened.
            category: What kind of failure it is.
            quoted: The service's own message.
            refused: Whether a retry would be refused in the same way.
        """
        StageFailure.__init__(self, reason, quoted)
        self.category = category
        self.refused = refused


async def read_aloud(
    text: str, voice: str, config: TTSConfig, *, pitch: str, volume: str
) -> AsyncGenerator[bytes, None]:
    """Yield the MP3 of `text`.

    Args:
        text: One clause.
        voice: Microsoft's name of a voice.
        config: The time-outs.
        pitch: Change of pitch, such as `+5Hz`.
        volume: Change of volume, such as `-10%`.

    Raises:
        EdgeError: No audio has come, or not all of it.
    """
    communicate = Communicate(text, voice, pitch=pitch, volume=volume)
    # `edge-tts` takes whole seconds only. The second time-out is for the handshake.
    communicate.session_timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=config.connect_timeout_s, sock_read=config.connect_timeout_s
    )
    stream = communicate.stream()
    received = 0
    # The first chunk also includes the time to connect.
    patience = config.connect_timeout_s + config.timeout_s
    step = asyncio.ensure_future(_next(stream))
    try:
        while (piece := await _within(patience, step, config)) is not None:
            if piece["type"] == "audio":
                received += len(piece["data"])
                yield piece["data"]
            patience = config.timeout_s
            step = asyncio.ensure_future(_next(stream))
        if received != communicate.state["cumulative_audio_bytes"]:
            raise EdgeError("the stream was cut in the middle", ErrorCategory.CONNECTIVITY)
    finally:
        # Cancelling the read closes the connection without waiting for the service's close frame.
        step.cancel()
        await asyncio.wait({step})
        await stream.aclose()


async def _next(stream: AsyncGenerator[TTSChunk, None]) -> TTSChunk | None:
    return await anext(stream, None)


async def _within(
    seconds: float, step: asyncio.Future[TTSChunk | None], config: TTSConfig
) -> TTSChunk | None:
    """Wait for a step of the stream; turn what it raises into an `EdgeError`."""
    await asyncio.wait({step}, timeout=seconds)
    if not step.done():
        raise EdgeError(f"nothing came for {config.timeout_s:g} s", ErrorCategory.CONNECTIVITY)
    try:
        return step.result()
    except NoAudioReceived as error:
        # This is all that the service reports for an unknown voice; as it also happens at random,
        # it is retried.
        raise EdgeError("it sent no audio", ErrorCategory.INVALID_REQUEST) from error
    except (aiohttp.ClientResponseError, SkewAdjustmentError) as error:
        refusal = error if isinstance(error, aiohttp.ClientResponseError) else error.__cause__
        status = refusal.status if isinstance(refusal, aiohttp.ClientResponseError) else 403
        category = classify_http_status_code(status)
        raise EdgeError(f"status {status}", category, refused=status < 500) from error
    except TimeoutError as error:
        raise EdgeError(
            f"no connection within {config.connect_timeout_s:g} s", ErrorCategory.CONNECTIVITY
        ) from error
    except (aiohttp.ClientError, OSError) as error:
        raise EdgeError(str(error), ErrorCategory.CONNECTIVITY) from error
    except (EdgeTTSException, ValueError, KeyError, TypeError) as error:
        raise EdgeError(
            "its answer makes no sense", ErrorCategory.SERVER, quoted=str(error)
        ) from error
