"""uvicorn's WebSocket protocol, less its habit of closing the tap after every message.

uvicorn stops reading from a client with each message until the application has taken it. For a
client that sends audio fifty times a second that is two system calls a message for nothing; here
reading stops only when messages have really piled up.
"""

from __future__ import annotations

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

AHEAD = 16
"""Messages that may wait for the application before reading stops."""
SMALL_BYTES = 64 * 1024
"""A larger message stops it at once: memory stays bounded."""


class EagerWebSocketProtocol(WebSocketsSansIOProtocol):
    """Reads ahead a little."""

    def send_receive_event_to_app(self) -> None:
        """Queue a message that is complete."""
        small = sum(map(len, self.frames)) <= SMALL_BYTES
        if self.read_paused or not small or self.queue.qsize() >= AHEAD:
            super().send_receive_event_to_app()
            return
        # The base class pauses what is not paused already.
        self.read_paused = True
        super().send_receive_event_to_app()
        self.read_paused = False
