"""Addresses at which a server that a client named may be connected to."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings.mcp_hosts import read_allowed_host, read_place
from tool_servers.reach import METADATA, entry_for, may_connect

EXACT = read_allowed_host("mcp.example.com")
BELOW = read_allowed_host("*.example.com")

PUBLIC = ["93.184.215.14", "2606:4700::6810:84e5", "::ffff:93.184.215.14", "64:ff9b::5db8:d70e"]
OWN = [
    "127.0.0.1",
    "127.9.9.9",
    "::1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "fd00::7",
]
NEVER = [
    *("169.254.169.254", "169.254.1.1", "fe80::1", "fec0::1", "100.100.100.200", "168.63.129.16"),
    *("fd00:ec2::254", "192.0.0.192", "0.0.0.0", "0.1.2.3", "::", "255.255.255.255", "240.0.0.1"),
    *("224.0.0.1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::10.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a9fe:a9fe::1"),
    # Teredo, whose last bits are 127.0.0.1, inverted.
    "2001:0:5db8:d70e::80ff:fffe",
]


@pytest.mark.parametrize("written", PUBLIC)
def test_public_addresses_may_always_be_connected_to(written: str):
    assert may_connect(ipaddress.ip_address(written), EXACT)
    assert may_connect(ipaddress.ip_address(written), BELOW)


@pytest.mark.parametrize("written", OWN)
def test_private_ones_may_if_the_entry_names_the_host_itself(written: str):
    assert may_connect(ipaddress.ip_address(written), EXACT)
    assert not may_connect(ipaddress.ip_address(written), BELOW)


@pytest.mark.parametrize("written", NEVER)
def test_link_local_ones_and_those_of_clouds_may_only_if_the_entry_is_the_address(written: str):
    address = ipaddress.ip_address(written)
    assert not may_connect(address, EXACT)
    assert not may_connect(address, BELOW)
    host = f"[{address}]" if address.version == 6 else str(address)
    assert may_connect(address, read_allowed_host(f"http://{host}:80"))


def test_an_entry_that_is_an_address_allows_that_one_alone():
    entry = read_allowed_host("http://10.0.0.1")
    assert may_connect(ipaddress.ip_address("10.0.0.1"), entry)
    assert not may_connect(ipaddress.ip_address("10.0.0.2"), entry)
    assert not may_connect(ipaddress.ip_address("93.184.215.14"), entry)


@given(st.ip_addresses())
def test_below_a_wildcard_nothing_is_reached_that_is_not_public(address):
    if may_connect(address, BELOW):
        assert address.is_global
        assert address not in METADATA


def test_an_exact_entry_counts_before_a_wildcard():
    place = read_place("https://mcp.example.com/")
    assert entry_for(place, [BELOW, EXACT]) == EXACT
    assert entry_for(place, [BELOW]) == BELOW
    assert entry_for(read_place("https://example.org/"), [BELOW, EXACT]) is None
