"""A private server stays private; one for a network listens where it was told."""

from __future__ import annotations

import pytest

from peers.webrtc.addresses import Adapter, listening, own_addresses, resolve

OWN = [
    Adapter("lo", "127.0.0.1"),
    Adapter("lo", "::1"),
    Adapter("eth0", "192.0.2.2"),
    Adapter("eth0", "2001:db8::2"),
    Adapter("tun0", "198.51.100.3"),
]


@pytest.mark.parametrize(
    ("host", "interfaces", "expected"),
    [
        ("127.0.0.1", [], ["127.0.0.1"]),
        ("::1", [], ["::1"]),
        ("192.0.2.2", [], ["192.0.2.2"]),
        ("0.0.0.0", [], ["192.0.2.2", "198.51.100.3"]),
        ("::", [], ["192.0.2.2", "2001:db8::2", "198.51.100.3"]),
        ("", [], ["192.0.2.2", "2001:db8::2", "198.51.100.3"]),
        ("0.0.0.0", ["eth0"], ["192.0.2.2", "2001:db8::2"]),
        ("0.0.0.0", ["198.51.100.3"], ["198.51.100.3"]),
        ("127.0.0.1", ["tun0"], ["198.51.100.3"]),
        ("0.0.0.0", ["wlan0"], []),
    ],
)
def test_where_a_server_listens(host: str, interfaces: list[str], expected: list[str]) -> None:
    assert listening(host, interfaces, OWN) == expected


def test_a_machine_without_a_network_has_loopback() -> None:
    assert listening("0.0.0.0", [], OWN[:2]) == ["127.0.0.1"]


def test_this_machine_has_addresses() -> None:
    assert "127.0.0.1" in [one.address for one in own_addresses()]


async def test_names_become_numbers() -> None:
    assert await resolve("192.0.2.9") == ["192.0.2.9"]
    assert (await resolve("localhost"))[0] in ("127.0.0.1", "::1")
