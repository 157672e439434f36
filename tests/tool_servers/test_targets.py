"""Which servers a session may have, and what a client may send to them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from config import load_settings
from session.mcp import McpServer
from tests.support.mcp_driver import McpDriver
from tests.tool_servers.using import command, configured
from tool_servers.servers import McpServers
from tool_servers.targets import redacted, target_of_operator, without_keys
from wire.errors import ProtocolError

URL = "https://mcp.example.com/mcp?key=hidden-key"


def refused(server: McpServer, **mcp: Any) -> str:
    """Return why a server is refused."""
    with pytest.raises(ProtocolError) as caught:
        McpServers(load_settings(mcp=mcp)).session().check(server)
    assert caught.value.code == "invalid_value"
    return caught.value.message


def accept(server: McpServer, **mcp: Any) -> None:
    McpServers(load_settings(mcp=mcp)).session().check(server)


async def test_without_settings_every_server_is_refused_and_told_what_helps():
    message = refused(McpServer("docs", URL))
    assert "mcp.servers" in message
    assert "mcp.allowed_hosts" in message


async def test_a_label_that_nobody_knows_is_refused_with_those_there_are():
    assert "'docs' and 'files'" in refused(
        McpServer("dcos"), servers={"docs": {"url": URL}, "files": command()}
    )
    assert "has named none" in refused(McpServer("docs"), allowed_hosts=["mcp.example.com"])


async def test_a_host_that_is_not_allowed_is_refused_without_its_path():
    message = refused(McpServer("docs", URL), allowed_hosts=["*.example.org", "example.com"])
    assert "https://mcp.example.com" in message
    assert "hidden-key" not in message
    # What others may reach is nobody's business.
    assert "example.org" not in message
    accept(McpServer("docs", URL), allowed_hosts=["mcp.example.com"])


async def test_a_url_that_cannot_be_read_is_refused_without_quoting_it():
    url = "https://user:secret-word@mcp.example.com/"
    message = refused(McpServer("docs", url), allowed_hosts=["mcp.example.com"])
    assert "secret-word" not in message


async def test_a_clients_url_does_not_become_the_operators_by_its_label():
    """The operator's credentials go to the operator's server alone."""
    servers = {"docs": {"url": URL, "authorization": "operators-own"}}
    message = refused(McpServer("docs", "https://evil.example/"), servers=servers)
    assert "https://evil.example" in message


async def test_credentials_for_the_operators_server_are_refused():
    servers = {"docs": {"url": URL}}
    assert "leave out" in refused(McpServer("docs", authorization="mine"), servers=servers)
    assert "leave out" in refused(McpServer("docs", headers=(("A", "b"),)), servers=servers)


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "content-length", "Transfer-Encoding", "Connection", "Mcp-Session-Id", "Via"),
        *("X-Forwarded-For", "Accept-Encoding", "Proxy-Authorization", "mcp-protocol-version"),
        *("X-Forwarded-Port", "x-forwarded-prefix", "X-Forwarded", "Forwarded", "X-Real-IP"),
        *("X-Original-URL", "X-Rewrite-URL", "True-Client-IP", "X-HTTP-Method-Override"),
    ],
)
async def test_headers_that_decide_who_is_spoken_to_are_not_a_clients(name: str):
    server = McpServer("docs", URL, headers=((name, "value-of-it"),))
    message = refused(server, allowed_hosts=["mcp.example.com"])
    assert name in message
    assert "value-of-it" not in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("A b", "c"), ("A:", "c"), ("", "c"), ("A", "secretü")),
        *(("A", "secret\r\nHost: evil"), ("A", "secret\0"), ("A", "secret\n")),
    ],
)
async def test_headers_with_line_breaks_are_refused_and_not_quoted(name: str, value: str):
    server = McpServer("docs", URL, headers=((name, value),))
    message = refused(server, allowed_hosts=["mcp.example.com"])
    assert "secret" not in message
    assert "\n" not in message


async def test_authorization_is_given_once_and_without_line_breaks():
    twice = McpServer("docs", URL, "token", (("authorization", "Bearer b"),))
    assert "leave out one" in refused(twice, allowed_hosts=["mcp.example.com"])
    broken = McpServer("docs", URL, "secret\r\nX: y")
    assert "secret" not in refused(broken, allowed_hosts=["mcp.example.com"])
    for nothing in (" ", "Bearer ", "bearer", "Basic"):
        empty = McpServer("docs", URL, nothing)
        assert "is empty: leave it out" in refused(empty, allowed_hosts=["mcp.example.com"])
        header = McpServer("docs", URL, None, (("authorization", nothing),))
        if nothing.strip():
            assert "is empty: it has no" in refused(header, allowed_hosts=["mcp.example.com"])


@pytest.mark.parametrize("names", [("X-Id", "x-id"), ("Authorization", "authorization")])
async def test_a_header_in_two_spellings_is_refused_by_name(names: tuple[str, str]):
    twice = McpServer("docs", URL, None, tuple((name, "secret") for name in names))
    message = refused(twice, allowed_hosts=["mcp.example.com"])
    assert f"The header '{names[0]}' of MCP server 'docs' is given in two spellings" in message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("server", "secrets"),
    [
        ({"url": "https://a.example/", "authorization": 'Token ab\\cd"ef'}, ['ab\\cd"ef']),
        ({"url": "https://a.example/", "headers": {"X-Key": "it's a \\ key"}}, ["it's a \\ key"]),
        (
            {"url": "https://a.example/s/0123456789abcdef/mcp?key=a%2Fbcdef"},
            ["0123456789abcdef", "a/bcdef", "a%2Fbcdef"],
        ),
        ({"command": "npx", "env": {"A": "line one\nline two"}}, ["line one\nline two"]),
        (
            {"command": "npx", "args": ["--api-key=abcdef1", "--token", "abcdef2", "x"]},
            ["abcdef1", "abcdef2"],
        ),
    ],
)
async def test_what_is_the_operators_secret_is_hidden_however_it_is_quoted(
    server: dict[str, Any], secrets: list[str]
):
    target = target_of_operator("docs", configured(server))
    for secret in secrets:
        for written in (secret, repr(secret), repr(secret.encode()), json.dumps(secret)):
            assert secret not in redacted(f"Illegal value {written}!", target)
            assert "***" in redacted(f"Illegal value {written}!", target)
            assert len(redacted(f"Illegal value {written}!", target)) < 24, written


@pytest.mark.parametrize(
    ("server", "shown", "hidden"),
    [
        (
            {
                "url": "https://a.example/production-of-documents/2024-11-30-reports/mcp?set=documents"
                "&api_key=abcdefg",
                "headers": {
                    "X-A": "issues",
                    "X-Api-Key": "monkeys",
                    "Authorization": "Token abcdef",
                },
            },
            ["production-of-documents", "2024-11-30-reports", "documents", "issues"],
            ["abcdefg", "monkeys", "Token abcdef", "abcdef"],
        ),
        (
            {
                "url": "https://a.example/s/0a1b2c3d4e5f6a7b/x",
                "headers": {"X-A": "a1b2c3d4e5f6g7h8"},
            },
            [],
            ["0a1b2c3d4e5f6a7b", "a1b2c3d4e5f6g7h8"],
        ),
        (
            {"url": "https://a.example/123e4567-e89b-12d3-a456-426614174000/mcp?code=productions"},
            ["productions"],
            ["123e4567-e89b-12d3-a456-426614174000"],
        ),
        ({"url": "https://a.example/", "authorization": "abcdefsecret"}, [], ["abcdefsecret"]),
        (
            {
                "command": "npx",
                "args": [
                    "--keyboard",
                    "awkward",
                    "--max-tokens=1000000",
                    "--tokenizer",
                    "o200k-base",
                    "--api-key=abcdef1",
                    "--token",
                    "abcdef2",
                ],
                "env": {
                    "NODE_ENV": "production",
                    "accessToken": "abcdef3",
                    "DB_PASSWORD": "abcdef4",
                    "DATABASE_URL": "postgres://people:abc%2Fdef@db.example/orders",
                },
            },
            ["awkward", "1000000", "o200k-base", "production", "db.example/orders"],
            ["abcdef1", "abcdef2", "abcdef3", "abcdef4", "abc%2Fdef", "abc/def"],
        ),
    ],
)
async def test_a_result_is_without_keys_and_with_every_plain_word(
    server: dict[str, Any], shown: list[str], hidden: list[str]
):
    target = target_of_operator("docs", configured(server))
    text = f"You have {' and '.join(shown)}."
    assert without_keys(text, target) == text
    for key in hidden:
        assert without_keys(f"({key})", target) == "(***)"
        assert key not in redacted(f"({key})", target), "errors hide it, too"


async def test_what_is_no_secret_of_a_command_is_not_hidden():
    """Results are searched, too: a folder among the arguments is what such a server tells of."""
    files = {"command": "npx", "args": ["-y", "@acme/server-of-files", "/srv/our-files"]}
    target = target_of_operator("docs", configured(files))
    assert redacted("/srv/our-files/a of @acme/server-of-files", target) == (
        "/srv/our-files/a of @acme/server-of-files"
    )


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"headers": {"Via": "b"}}, "headers"),
        ({"headers": {"A": "b\n"}}, "headers"),
        ({"authorization": "a\nb"}, "authorization"),
        ({"server_url": ""}, "server_url"),
    ],
)
async def test_an_error_names_the_field_that_it_is_about(said: dict[str, Any], field: str):
    servers = McpServers(load_settings(mcp={"allowed_hosts": ["mcp.example.com"]})).session()
    d = McpDriver(servers.check)
    tool = {"type": "mcp", "server_label": "docs", "server_url": URL, **said}
    (error,) = d.update(tools=[tool])
    assert error["error"]["param"] == f"session.tools[0].{field}"
    own = McpServers(load_settings(mcp={"servers": {"docs": {"url": URL}}})).session()
    if field != "server_url":
        d = McpDriver(own.check)
        del tool["server_url"]
        (error,) = d.update(tools=[tool])
        assert error["error"]["param"] == f"session.tools[0].{field}"


async def test_an_empty_url_is_told_from_one_with_odd_characters():
    message = refused(McpServer("docs", ""), allowed_hosts=["mcp.example.com"])
    assert "it is empty" in message
