"""Besieges the calls of a server of its own, while one of them is in progress: `make fuzz`.

Strangers, spies who know the name of a call, clients that never connect and clients that do send
what looks like checks, handshakes, media and SCTP, and offers that nobody can answer. Every burst
is followed by a turn of a call that has nothing to do with it, and nothing in it may be missing. At
the end no call may be open, nothing of them left, and the log may hold no traceback.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from itertools import count, cycle, islice
from random import Random
from time import monotonic

import httpx
from aiortc import RTCConfiguration, RTCPeerConnection

from benchmarks.fuzz import GROWTH, POOL
from benchmarks.local_server import LocalServer, scripted_server
from benchmarks.process import Holdings, holdings
from clients.sdk import ClientError
from tests.hostile.datagrams import Datagrams, media, sctp
from tests.hostile.offers import offers
from tests.support.rtc_caller import Caller, calling, offer_of
from tests.support.running_server import plain_http

SHORT = '{"text": "Yes.", "first_token_ms": 0, "word_ms": 0}'
"""A turn is as long as its sound."""
BURST = 250
OFFERS = 50
"""Offers of a burst; each costs more than a datagram."""
PACE = 25
"""Datagrams at once: more would be lost in the kernel's buffer before anybody saw them."""
WORST_OFFER_S = 5.0
"""Seconds in which an offer has to be answered or refused, on a busy machine too."""


class Siege:
    """A run against one server."""

    def __init__(self, server: LocalServer, wanted: int) -> None:
        """Prepare.

        Args:
            server: The target.
            wanted: How many datagrams and offers to send.
        """
        self._server = server
        self._wanted = wanted
        self._seeds = count()
        self._started = monotonic()
        self._reported = 0
        self.sent: Counter[str] = Counter()
        self.answers: Counter[int] = Counter()
        """Statuses of the answers to offers."""
        self.warm: Holdings | None = None
        """What the server held after the first tenth."""

    async def run(self) -> None:
        """Send all of it.

        Raises:
            AssertionError: The call that is in progress was harmed.
            TimeoutError: It got no answer.
        """
        attacks: Iterable[Callable[[Caller, int], Awaitable[tuple[str, int]]]] = cycle(
            (
                *(self._strangers, self._spies, self._unconnected, self._connected),
                *(self._associated, self._offered),
            )
        )
        async with calling(self._server.http) as bystander:
            await turn(bystander)
            for attack in attacks:
                if self.sent.total() >= self._wanted:
                    break
                name, sent = await attack(bystander, next(self._seeds))
                self.sent[name] += sent
                await turn(bystander)
                self._report()

    async def _strangers(self, _bystander: Caller, seed: int) -> tuple[str, int]:
        return "of strangers", await self._thrown(Datagrams(seed))

    async def _spies(self, bystander: Caller, seed: int) -> tuple[str, int]:
        """They know the name of the call in progress, and not its password."""
        username, _ = credentials(bystander.connection)
        return "of spies", await self._thrown(Datagrams(seed, username))

    async def _unconnected(self, _bystander: Caller, seed: int) -> tuple[str, int]:
        """A client that has an answer, and uses it for anything but a call."""
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.createDataChannel("oai-events")
        peer.addTransceiver("audio")
        try:
            offer = await offer_of(peer)
            async with plain_http(timeout=45) as http:
                answered = await self._offer(http, offer)
                theirs = attribute(answered.text, "ice-ufrag")
                username = f"{theirs}:{attribute(offer, 'ice-ufrag')}"
                password = attribute(answered.text, "ice-pwd")
                sent = await self._thrown(Datagrams(seed, username, password))
                await self._hang_up(http, answered)
        finally:
            await peer.close()
        return "of clients that do not connect", sent

    async def _connected(self, _bystander: Caller, seed: int) -> tuple[str, int]:
        """A client whose encrypted media is nonsense."""
        rng, sent = Random(seed), 0
        async with calling(self._server.http) as traitor:
            assert traitor.connection.sctp is not None
            dtls = traitor.connection.sctp.transport
            assert dtls._tx_srtp is not None
            for _ in range(BURST):
                packet = media(rng)
                reports = len(packet) > 1 and 192 <= packet[1] <= 223
                # What libsrtp itself refuses to encrypt cannot be sent.
                with suppress(Exception):
                    protect = dtls._tx_srtp.protect_rtcp if reports else dtls._tx_srtp.protect
                    await dtls.transport._send(protect(packet))
                    sent += 1
                await paced(sent)
        return "media of clients", sent

    async def _associated(self, _bystander: Caller, seed: int) -> tuple[str, int]:
        """A client whose events, and what carries them, are nonsense."""
        rng, sent = Random(seed), 0
        async with calling(self._server.http) as traitor:
            association = traitor.connection.sctp
            assert association is not None
            tag = association._remote_verification_tag
            for _ in range(BURST):
                if traitor.closed.is_set():
                    break
                packet = sctp(rng, association.port, 5000, tag)
                # The transport may be closed by what was sent.
                with suppress(ConnectionError):
                    await association.transport._send_data(packet)
                    sent += 1
                if rng.random() < 0.2 and traitor.channel.readyState == "open":
                    traitor.channel.send(rng.choice(("", "{", "[]", b"\0\xff", b"{}", "x" * 70000)))
                    sent += 1
                await paced(sent)
        return "SCTP of clients", sent

    async def _offered(self, _bystander: Caller, seed: int) -> tuple[str, int]:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.createDataChannel("oai-events")
        peer.addTransceiver("audio")
        try:
            real = await offer_of(peer)
        finally:
            await peer.close()
        async with plain_http(timeout=45) as http:
            for body in islice(offers(seed, real), OFFERS):
                began = monotonic()
                answered = await self._offer(http, body)
                took = monotonic() - began
                assert took < WORST_OFFER_S, f"an offer took {took:.1f} s"
                assert answered.status_code in (201, 400, 413, 415), answered.text
                self.answers[answered.status_code] += 1
                if answered.status_code == 201:
                    await self._hang_up(http, answered)
        return "offers", OFFERS

    async def _offer(self, http: httpx.AsyncClient, body: str | bytes) -> httpx.Response:
        return await http.post(
            f"{self._server.http}/v1/realtime/calls?model=gpt-realtime",
            content=body,
            headers={"Content-Type": "application/sdp"},
        )

    async def _hang_up(self, http: httpx.AsyncClient, answered: httpx.Response) -> None:
        ended = await http.delete(self._server.http + answered.headers["Location"])
        assert ended.is_success, ended.text

    async def _thrown(self, datagrams: Datagrams) -> int:
        """Send a burst from an address of its own, without caring for answers."""
        target = ("127.0.0.1", httpx.URL(self._server.http).port)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thrower:
            thrower.setblocking(False)
            for number, data in enumerate(islice(datagrams, BURST)):
                thrower.sendto(data, target)
                await paced(number)
        return BURST

    def _report(self) -> None:
        tenth = self.sent.total() * 10 // self._wanted
        if tenth == self._reported:
            return
        self._reported = tenth
        now = holdings(self._server.pid)
        self.warm = self.warm or now
        print(f"{monotonic() - self._started:7.0f} s {self.sent.total():8} sent  {now}", flush=True)


async def turn(bystander: Caller) -> None:
    """Hold a turn, and see that the whole of it arrives.

    Raises:
        AssertionError: It does not.
        TimeoutError: Nothing comes.
    """
    start = len(bystander.events)
    content = [{"type": "input_text", "text": "hi"}]
    bystander.send(
        "conversation.item.create", item={"type": "message", "role": "user", "content": content}
    )
    bystander.send("response.create")
    done = await bystander.until("response.done")
    assert done["response"]["status"] == "completed", done
    if "output_audio_buffer.stopped" not in (e["type"] for e in bystander.events[start:]):
        await bystander.until("output_audio_buffer.stopped")
    came = {event["type"] for event in bystander.events[start:]}
    missing = {"output_audio_buffer.started", "response.output_audio_transcript.done"} - came
    assert not missing, f"no {missing}"
    bystander.events.clear()


async def paced(sent: int) -> None:
    """Let the server read what was sent."""
    if sent % PACE == 0:
        await asyncio.sleep(0.005)


def attribute(sdp: str, name: str) -> str:
    """Return the first value of an attribute."""
    return sdp.partition(f"a={name}:")[2].partition("\r\n")[0].strip()


def credentials(peer: RTCPeerConnection) -> tuple[str, str]:
    """Return user name and password of the checks that a connected peer sends."""
    ours, theirs = peer.localDescription.sdp, peer.remoteDescription.sdp
    username = f"{attribute(theirs, 'ice-ufrag')}:{attribute(ours, 'ice-ufrag')}"
    return username, attribute(theirs, "ice-pwd")


def tracebacks(log: str) -> list[tuple[str, int]]:
    """Return what the tracebacks in a log end with, and how many of each there are."""
    found = re.findall(r"^Traceback .*\n(?:[ \t].*\n|\n)*(\S.*)", log, re.MULTILINE)
    return Counter(found).most_common()


async def run(server: LocalServer, wanted: int) -> list[str]:
    """Besiege a server; return what is wrong with it afterwards."""
    async with calling(server.http) as first:
        await turn(first)
    await asyncio.to_thread(server.emptied)
    idle, tasks = holdings(server.pid), server.tasks()
    siege = Siege(server, wanted)
    await siege.run()
    left = await asyncio.to_thread(server.emptied)
    await asyncio.to_thread(server.settle, idle.files, tasks)
    now, warm = holdings(server.pid), siege.warm or idle
    sent = ", ".join(f"{number} {name}" for name, number in siege.sent.most_common())
    print(f"{siege.sent.total()} sent: {sent}. Answers to offers: {dict(siege.answers)}.")
    problems = [f"{left} calls are still open"] if left else []
    if now.memory_mb > GROWTH * warm.memory_mb:
        problems.append(f"memory grew from {warm.memory_mb:.0f} to {now.memory_mb:.0f} MB")
    if now.files > idle.files:
        problems.append(f"{now.files - idle.files} files or sockets are still open")
    if now.threads > idle.threads + POOL:
        problems.append(f"{now.threads} threads, where there were {idle.threads} at first")
    if (running := server.tasks()) > tasks:
        problems.append(f"{running} tasks, where there were {tasks} at first")
    problems += [f"{times} × in the log: {last}" for last, times in tracebacks(server.said())]
    return problems


def main(argv: list[str] | None = None) -> None:
    """Run the siege."""
    parser = argparse.ArgumentParser(description="Besiege the calls of a server of its own.")
    parser.add_argument("--messages", type=int, default=100_000)
    arguments = parser.parse_args(argv)
    try:
        # Memory may grow by the words of the call beside it, not by its audio.
        with scripted_server(
            instant=True, LLM__OPTIONS=SHORT, SERVER__KEPT_AUDIO_MINUTES="0"
        ) as server:
            problems = asyncio.run(run(server, arguments.messages))
    except ClientError as error:
        raise SystemExit(f"error: {error}") from None
    for problem in problems:
        print(f"FAILED: {problem}")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
