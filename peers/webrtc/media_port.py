"""The UDP port of a process, and the calls on it: takes offers, gives answers.

aiortc is imported when the port is opened, and not before: a server without it starts as well, and
says so to who asks for a call.
"""

from __future__ import annotations

import asyncio
import datetime
import errno
import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from peers.webrtc.addresses import listening, own_addresses, resolve
from peers.webrtc.answer import write_answer
from peers.webrtc.metronome import Metronome
from peers.webrtc.offer import read_offer
from peers.webrtc.sdp import (
    Endpoint,
    Fingerprint,
    IceCandidate,
    IceCredentials,
    InvalidOffer,
)
from peers.webrtc.udp_port import UdpPort

if TYPE_CHECKING:
    from aiortc import RTCCertificate

    from peers.webrtc.link import RtcLink

__all__ = ["InvalidOffer", "MediaPort", "MissingLibrary", "UnknownHost", "WebRTCSettings"]

CHUNK_BYTES = 1100
"""Largest piece of an event in a datagram: more does not pass through many tunnels."""
_RESOLVE_AGAIN_S = 60.0
"""Seconds for which the addresses of public hosts hold."""
_RENEW_DAYS = 15
"""Days of validity at which the certificate is replaced."""


class MissingLibrary(Exception):
    """A library that calls need is not installed, or does not fit; the message says which."""


class UnknownHost(OSError):
    """A public host has no address, as far as anybody here knows."""


class WebRTCSettings(Protocol):
    """The settings `webrtc.*`."""

    @property
    def public_hosts(self) -> Sequence[str]:
        """What clients are told instead of the addresses of this machine."""

    @property
    def interfaces(self) -> Sequence[str]:
        """Names or addresses of interfaces to listen on; empty: all."""


class MediaPort:
    """All calls of a process."""

    def __init__(
        self, settings: WebRTCSettings, host: str, owner: str, link: type[RtcLink]
    ) -> None:
        """Use `open`."""
        self._link = link
        self._settings = settings
        self._host = host
        self._owner = owner
        self._port = UdpPort()
        self._metronome = Metronome()
        self._links: set[RtcLink] = set()
        self._public: dict[str, list[str]] = {}
        """Public hosts → their addresses."""
        self._resolved_s = 0.0
        """When they were looked up, in the loop's time."""
        self._certificate: RTCCertificate | None = None

    @classmethod
    async def open(cls, settings: WebRTCSettings, *, host: str, port: int, owner: str) -> MediaPort:
        """Open the port.

        Args:
            settings: The group `webrtc` of the settings.
            host: The address that the HTTP server listens on.
            port: The UDP port (`WebRTCConfig.port_of_worker`); 0: any that is free.
            owner: Letters and digits that name this process in the user names of its calls.

        Raises:
            MissingLibrary: aiortc is not installed, or is a release that does not fit.
            OSError: The port is taken, an address or interface is not this machine's, or nobody
                knows a public host.
        """
        try:
            from aiortc import rtcsctptransport

            from peers.webrtc.aiortc_names import moved
            from peers.webrtc.link import RtcLink
            from peers.webrtc.opus import NoOpus, library
        except ImportError as error:
            raise MissingLibrary(f"the library '{error.name}' is missing") from error
        lacking = moved()
        if lacking:
            raise MissingLibrary(f"the installed release does not fit ({', '.join(lacking)})")
        try:
            library()
        except NoOpus as error:
            raise MissingLibrary(str(error)) from error
        rtcsctptransport.USERDATA_MAX_LENGTH = CHUNK_BYTES
        self = cls(settings, (await resolve(host))[0] if host else host, owner, RtcLink)
        self._valid_certificate()
        try:
            await self._listen(port)
            await self._resolve()
        except OSError:
            await self._port.close()
            raise
        return self

    @property
    def port(self) -> int:
        """The UDP port."""
        return self._port.port

    @property
    def calls(self) -> int:
        """How many calls there are, connected or not."""
        return len(self._links)

    @property
    def addresses(self) -> list[str]:
        """The addresses on which the port listens."""
        return list(self._port.sockets)

    async def _listen(self, number: int) -> None:
        """Listen on the addresses that are new."""
        wanted = listening(self._host, self._settings.interfaces, own_addresses())
        if not wanted:
            known = ", ".join(f"{one.interface} ({one.address})" for one in own_addresses())
            raise OSError(
                errno.EADDRNOTAVAIL,
                f"webrtc.interfaces: none of {', '.join(self._settings.interfaces)} is an "
                f"interface of this machine. It has {known}",
            )
        for address in wanted:
            if address in self._port.sockets:
                continue
            try:
                await self._port.bind([address], number)
            except OSError as error:
                # An address that has just gone, or is not ready yet, must not stop the others.
                if error.errno != errno.EADDRNOTAVAIL or len(wanted) == 1:
                    raise
        if not self._port.sockets:
            raise OSError(errno.EADDRNOTAVAIL, "no address of this machine can be listened on")

    async def _resolve(self) -> None:
        """Look up the public hosts."""
        self._resolved_s = asyncio.get_running_loop().time()
        for host in self._settings.public_hosts:
            try:
                self._public[host] = await resolve(host)
            except OSError as error:
                raise UnknownHost(
                    error.errno, f"webrtc.public_hosts: {host} is not known ({error.strerror})"
                ) from error

    async def answer(self, offer: str) -> tuple[RtcLink, str]:
        """Take a call.

        Args:
            offer: The client's SDP.

        Returns:
            The link, which somebody must close, and the SDP answer with all candidates.

        Raises:
            InvalidOffer: The offer cannot be answered.
        """
        read = read_offer(offer)
        # A laptop may have changed its network since the port was opened.
        await self._listen(self._port.port)
        candidates = await self._candidates()
        certificate = self._valid_certificate()
        credentials = IceCredentials(self._owner + secrets.token_hex(8), secrets.token_hex(16))
        link = self._link(
            read,
            self._port,
            self._metronome,
            certificate,
            credentials,
            ", ".join(f"{one.address}:{one.port}" for one in candidates),
            self._links.discard,
        )
        self._links.add(link)
        ssrc, cname = await link.prepare()
        endpoint = Endpoint(
            ice=credentials,
            fingerprints=[
                Fingerprint(one.algorithm, one.value)
                for one in certificate.getFingerprints()
                if one.algorithm == "sha-256"
            ],
            candidates=candidates,
            ssrc=ssrc,
            cname=cname,
            session_id=secrets.randbits(62),
        )
        return link, write_answer(read, endpoint)

    async def _candidates(self) -> list[IceCandidate]:
        loop = asyncio.get_running_loop()
        if self._public and loop.time() - self._resolved_s > _RESOLVE_AGAIN_S:
            # Where the name service is away for a while, what was known holds.
            with suppress(OSError):
                await self._resolve()
        addresses = [address for known in self._public.values() for address in known]
        return [
            IceCandidate(
                foundation=str(index + 1),
                priority=(126 << 24) + ((65535 - index) << 8) + 255,
                address=address,
                port=self._port.port,
                type="host",
            )
            for index, address in enumerate(dict.fromkeys(addresses or self.addresses))
        ]

    def _valid_certificate(self) -> RTCCertificate:
        """Return the certificate of the process; making one for each call would cost more."""
        from aiortc import RTCCertificate

        soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=_RENEW_DAYS)
        if self._certificate is None or self._certificate.expires < soon:
            self._certificate = RTCCertificate.generateCertificate()
        return self._certificate

    async def close(self) -> None:
        """Close all calls, and the port."""
        await asyncio.gather(*(link.close() for link in list(self._links)))
        await self._port.close()
