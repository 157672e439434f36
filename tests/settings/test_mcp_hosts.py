"""URLs of MCP servers, and the hosts that clients may name: one reading for both."""

from __future__ import annotations

import pytest

from settings.mcp_hosts import Place, read_allowed_host, read_place


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://Mcp.Example.com", Place("https", "mcp.example.com", 443, "/")),
        ("https://mcp.example.com./a?b=c", Place("https", "mcp.example.com", 443, "/a?b=c")),
        ("http://127.0.0.1:8931/mcp", Place("http", "127.0.0.1", 8931, "/mcp")),
        ("http://[::1]:8931/mcp", Place("http", "::1", 8931, "/mcp")),
        ("https://[2001:DB8:0::1]/", Place("https", "2001:db8::1", 443, "/")),
        ("http://[::ffff:10.0.0.1]/", Place("http", "::ffff:a00:1", 80, "/")),
    ],
)
def test_a_url_is_read(url: str, place: Place):
    assert read_place(url) == place
    assert read_place(place.url) == place


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mcp.example.com",
        "//mcp.example.com",
        "ftp://mcp.example.com",
        "file:///etc/passwd",
        "gopher://mcp.example.com",
        "https://",
        "https:///path",
        "https://user@mcp.example.com/",
        "https://user:password@mcp.example.com/",
        "https://mcp.example.com@evil.example/",
        "https://evil.example\\@mcp.example.com/",
        "https://mcp.example.com\\.evil.example/",
        "https://mcp.example.com/#a",
        "https://mcp.example.com/#",
        "https://mcp.example.com:0/",
        "https://mcp.example.com:/",
        "https://mcp.example.com:65536/",
        "https://mcp.example.com:a/",
        "https://mcp.example.com:-1/",
        "https://mcp .example.com/",
        "https://mcp.example.com/\r\nHost: evil",
        "https://mcp.example.com\t/",
        " https://mcp.example.com/",
        "https://mcp%2eexample.com/",
        "https://mcp.exämple.com/",
        "https://ｍcp.example.com/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://127.0.0.1./a..",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[::1/",
        "https://::1/",
        "https://..example.com/",
        "https://mcp.example.1/",
        "https://mcp.example.0x1f/",
        f"https://{'1.' * 200}g/",
        f"https://{'a.' * 500_000}g/",
        f"https://{'1' * 64}.com/",
    ],
)
def test_a_url_that_could_be_read_differently_is_refused_and_not_quoted(url: str):
    if url == "https://127.0.0.1./a..":
        assert read_place(url).host == "127.0.0.1"
        return
    with pytest.raises(ValueError) as refused:
        read_place(url)
    assert "evil" not in str(refused.value)


@pytest.mark.parametrize("host", ["1" * 60 + "g.com", "0x" * 31 + "g.com", "1." * 120 + "com"])
def test_a_host_that_is_almost_a_number_is_read_at_once(host: str):
    """An expression that tries every way to read such digits does not end in a lifetime."""
    assert read_place(f"https://{host}/mcp").host == host
    assert read_allowed_host(host).host == host


@pytest.mark.parametrize(
    ("entry", "allowed", "refused"),
    [
        (
            "mcp.example.com",
            [
                "https://mcp.example.com/a",
                "https://MCP.example.com:443",
                "https://mcp.example.com.",
            ],
            [
                "http://mcp.example.com/",
                "https://mcp.example.com:8443/",
                "https://a.mcp.example.com/",
                "https://mcp.example.com.evil.example/",
                "https://xmcp.example.com/",
            ],
        ),
        (
            "*.example.com",
            ["https://a.example.com/", "https://a.b.example.com/"],
            ["https://example.com/", "https://xexample.com/", "https://a.example.com.evil.de/"],
        ),
        (
            "http://localhost:8931",
            ["http://localhost:8931/mcp"],
            ["https://localhost:8931/", "http://localhost/", "http://127.0.0.1:8931/"],
        ),
        ("http://127.0.0.1:1", ["http://127.0.0.1:1/"], ["http://[::ffff:127.0.0.1]:1/"]),
        ("[::1]:8931", ["https://[0:0::1]:8931/"], ["https://[::2]:8931/"]),
    ],
)
def test_an_entry_allows_what_it_says_and_no_more(
    entry: str, allowed: list[str], refused: list[str]
):
    read = read_allowed_host(entry)
    assert all(read.has(read_place(url)) for url in allowed)
    assert not any(read.has(read_place(url)) for url in refused)


@pytest.mark.parametrize(
    "entry",
    [
        *("", "*", "*.com", "*.10.0.0.1", "a.*.com", "a b", "a.com/path", "a.com?b", "a.com#b"),
        *("user@a.com", "ftp://a.com", "a.com:0", "a.com:x", "a.com:", "http://", "1.2.3", "::1"),
    ],
)
def test_an_entry_that_is_none_is_refused_with_an_example(entry: str):
    with pytest.raises(ValueError, match=r"mcp\.example\.com"):
        read_allowed_host(entry)
