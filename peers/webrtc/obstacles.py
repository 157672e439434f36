"""Why a call did not connect, in words, with the remedy; pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Dtls(Enum):
    """How far the handshake got."""

    UNFINISHED = auto()
    FAILED = auto()
    DONE = auto()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a call got."""

    announced: str
    """The addresses that the answer named."""
    waited_s: float
    checked: bool
    """Whether a connectivity check of the client arrived."""
    has_way: bool
    """Whether packets pass in both directions."""
    dtls: Dtls
    left: bool
    """Whether the client closed the call."""


def obstacle(progress: Progress) -> str:
    """Return why a call did not connect, and what to do about it."""
    if progress.dtls is Dtls.FAILED:
        return (
            "UDP packets pass in both directions, but the DTLS handshake failed: the client's "
            "certificate is not the one that its offer names, or the client gave up. Create a new "
            "offer for each call."
        )
    if progress.left:
        return "The client closed the call before it was connected."
    if not progress.checked:
        return (
            f"No UDP packet of the client arrived at {progress.announced} within "
            f"{progress.waited_s:.0f} s. Either UDP is blocked on the way (open the port in the "
            "firewall, publish it from the container with `-p …/udp`), or that is not the address "
            "at which clients reach this server: set `webrtc.public_hosts` to the one that is, and "
            "`webrtc.interfaces` too where `server.host` is loopback, for calls listen there alone "
            "then. "
            "Where UDP is not allowed at all, use the WebSocket, or a TURN server in the client's "
            "`iceServers`."
        )
    if not progress.has_way:
        return (
            "The client's UDP packets arrive, but the server's do not reach it, or come from "
            f"another address than those announced ({progress.announced}): check that "
            "`webrtc.public_hosts` is the address that clients see, and that UDP is allowed in "
            "both directions."
        )
    if progress.dtls is Dtls.UNFINISHED:
        return (
            "UDP packets pass in both directions, but the DTLS handshake did not finish: larger "
            "packets may be lost on the way (MTU of a VPN or tunnel)."
        )
    return "The call is connected, but the client did not open the data channel that it offered."
