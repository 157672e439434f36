"""aiortc's SCTP, with the bounds that it lacks, and a word when all that was sent has arrived.

aiortc takes what a client sends beyond the window that it announced, and looks through all
fragments of unfinished messages for each one that comes: a client that finishes none could fill the
memory, and stop the event loop. It loses its connection here.
"""

from __future__ import annotations

import asyncio

from aiortc import RTCDtlsTransport, RTCSctpTransport
from aiortc.rtcsctptransport import DataChunk

MOST_FRAGMENTS = 4096
"""Fragments of unfinished messages. A message of 256 KiB has some 240."""
_LOOK_EVERY = 256
"""Fragments between two counts of what is unfinished."""


class BoundedSctp(RTCSctpTransport):
    """The association of one call."""

    def __init__(self, transport: RTCDtlsTransport) -> None:
        """Use a call's DTLS."""
        super().__init__(transport)
        self.arrived = asyncio.Event()
        """Set while the client has all that was sent to it."""
        self.overrun = False
        """Whether the client sent more than it was allowed to."""
        self._came = 0

    async def _receive_data_chunk(self, chunk: DataChunk) -> None:
        self._came += 1
        if self._advertised_rwnd < 0 or (self._came % _LOOK_EVERY == 0 and self._is_full()):
            self.overrun = True
            # aiortc takes it for a client that is gone, and closes the connection.
            raise ConnectionError("the client sends more than it was allowed to")
        await super()._receive_data_chunk(chunk)

    def _is_full(self) -> bool:
        held = sum(len(stream.reassembly) for stream in self._inbound_streams.values())
        return held > MOST_FRAGMENTS

    async def _data_channel_flush(self) -> None:
        await super()._data_channel_flush()
        if self._data_channel_queue or self._outbound_queue or self._sent_queue:
            self.arrived.clear()
        else:
            self.arrived.set()

    async def all_arrived(self) -> None:
        """Wait until the client has all that was sent to it."""
        await self._data_channel_flush()
        await self.arrived.wait()
