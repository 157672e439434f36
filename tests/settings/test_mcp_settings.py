"""`[mcp]` from every source, and what is refused with the remedy and without the secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config import ConfigError, load_settings

SECRET = "tk-very-secret-1234"


def problem(**mcp: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(mcp=mcp)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_servers_are_read_from_variables(monkeypatch: pytest.MonkeyPatch):
    for name, value in {
        "ALLOWED_HOSTS": "mcp.example.com, *.example.org",
        "SERVERS__DOCS__URL": "https://docs.example.com/mcp",
        "SERVERS__DOCS__HEADERS": f'{{"X-Key": "{SECRET}"}}',
        "SERVERS__DOCS__ALLOWED_TOOLS": "search, read",
        "SERVERS__DOCS__REQUIRE_APPROVAL": "never",
        "SERVERS__FILES__COMMAND": "npx",
        "SERVERS__FILES__ARGS": "-y server '/a folder'",
        "SERVERS__FILES__ENV": f'{{"TOKEN": "{SECRET}"}}',
    }.items():
        monkeypatch.setenv(f"REALTIME_MCP__{name}", value)
    mcp = load_settings().mcp
    docs, files = mcp.servers["docs"], mcp.servers["files"]
    assert [entry.host for entry in mcp.hosts] == ["mcp.example.com", "example.org"]
    assert docs.headers["X-Key"].get_secret_value() == SECRET
    assert (docs.allowed_tools, docs.require_approval) == (["search", "read"], "never")
    assert files.args == ["-y", "server", "/a folder"]
    assert files.env["TOKEN"].get_secret_value() == SECRET
    assert SECRET not in repr(mcp)
    assert mcp.used


def test_servers_are_read_from_a_file(tmp_path: Path):
    file = tmp_path / "server.toml"
    file.write_text(
        '[mcp.servers.Docs-2]\nurl = "https://docs.example.com/mcp"\n'
        '[mcp.servers.Docs-2.require_approval.always]\ntool_names = ["pay"]\n'
    )
    docs = load_settings(file).mcp.servers["Docs-2"]
    assert docs.require_approval is not None
    assert not isinstance(docs.require_approval, str)
    assert docs.require_approval.always is not None
    assert docs.require_approval.always.tool_names == ["pay"]


def test_without_any_it_is_not_used():
    assert not load_settings().mcp.used


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ({}, "either a url or a command"),
        ({"url": "https://a.example/", "command": "npx"}, "either a url or a command"),
        ({"command": "npx", "authorization": SECRET}, "a command has env"),
        ({"url": "https://a.example/", "env": {"A": SECRET}}, "a url has headers"),
        ({"url": f"https://user:{SECRET}@a.example/"}, "user or a password"),
        ({"url": "ftp://a.example/"}, "https://"),
        ({"url": "https://a.example/", "authorization": 5}, "mcp.servers.docs.authorization"),
        ({"url": "https://a.example/", "headers": {"X": 5}}, "mcp.servers.docs.headers"),
        ({"url": "https://a.example/", "require_approval": "perhaps"}, "require_approval"),
        ({"uri": "https://a.example/"}, "mcp.servers.docs.uri"),
        ({"url": "https://a.example/", "description": "d" * 1025}, "at most 1024"),
        ({"command": " "}, "mcp.servers.docs.command: it is empty"),
        ({"command": "npx", "cwd": ""}, "mcp.servers.docs.cwd: it is empty"),
        ({"command": "npx", "env": {"A": f"{SECRET}\0"}}, "mcp.servers.docs.env: "),
        ({"command": "npx", "env": {"A=B": SECRET}}, "mcp.servers.docs.env: "),
        ({"command": "npx", "args": [f"{SECRET}\0"]}, "mcp.servers.docs.args"),
    ],
)
def test_a_server_that_cannot_be_used_is_refused(server: dict[str, Any], told: str):
    assert told in problem(servers={"docs": server})


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"authorization": f"{SECRET}\r\nX: y"}, "authorization: the header Authorization has"),
        ({"authorization": f"{SECRET}ü"}, "authorization: the header Authorization has"),
        ({"authorization": " \n"}, "authorization: the header Authorization is empty"),
        ({"authorization": "Bearer "}, "authorization: the header Authorization is empty"),
        ({"headers": {"authorization": "bearer"}}, "headers: the header authorization is empty"),
        ({"headers": {"X-A": SECRET, "x-a": "b"}}, "headers: the header X-A is given in two"),
        ({"headers": {"Authorization": SECRET, "authorization": "b"}}, "Authorization is given in"),
        ({"headers": {"X-Key": f"{SECRET}\nand more"}}, "headers: the header X-Key has"),
        ({"headers": {"X-Key": ""}}, "headers: the header X-Key is empty"),
        ({"headers": {f"X {SECRET}": "b"}}, "headers: a header has a name"),
        ({"headers": {"Accept-Encoding": "gzip"}}, "Accept-Encoding is set by the transport"),
        ({"headers": {"mcp-session-id": "1"}}, "mcp-session-id is set by the transport"),
        ({"headers": {"authorization": SECRET}, "authorization": "b"}, "not both"),
    ],
)
def test_what_no_header_can_be_is_refused_without_quoting_it(said: dict[str, Any], told: str):
    """Libraries would quote it, to clients and into the log."""
    assert told in problem(servers={"docs": {"url": "https://a.example/", **said}})


def test_a_secret_out_of_a_file_may_end_in_a_line_break():
    said = {"authorization": f"{SECRET}\n", "headers": {"X-Key": f" {SECRET}\r\n"}}
    docs = load_settings(mcp={"servers": {"docs": {"url": "https://a.example/", **said}}})
    server = docs.mcp.servers["docs"]
    assert server.authorization is not None
    assert server.authorization.get_secret_value() == SECRET
    assert server.headers["X-Key"].get_secret_value() == SECRET


@pytest.mark.parametrize("asked", ["sometimes", ["never"], 1])
def test_an_approval_that_is_none_is_refused_with_an_example(asked: Any):
    told = problem(servers={"docs": {"url": "https://a.example/", "require_approval": asked}})
    assert "mcp.servers.docs.require_approval: must be always, never, or a table such as" in told


def test_what_is_wrong_in_a_table_of_approvals_is_named_by_its_place():
    asked = {"never": {"names": ["a"]}}
    told = problem(servers={"docs": {"url": "https://a.example/", "require_approval": asked}})
    assert "mcp.servers.docs.require_approval.never.names: there is no setting of that" in told
    assert "Did you mean tool_names?" in told


@pytest.mark.parametrize("label", ["", "a b", "a.b", "dócs", "a" * 65])
def test_a_label_that_no_client_can_name_is_refused(label: str):
    assert "is no label" in problem(servers={label: {"url": "https://a.example/"}})


@pytest.mark.parametrize("host", ["*", "*.com", "https://a.example/path", "a b"])
def test_a_host_that_is_none_is_refused_with_an_example(host: str):
    assert "such as mcp.example.com" in problem(allowed_hosts=[host])


def test_what_should_be_json_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REALTIME_MCP__SERVERS__DOCS__HEADERS", f"X-Key: {SECRET}")
    with pytest.raises(ConfigError, match="REALTIME_MCP__SERVERS__DOCS__HEADERS") as caught:
        load_settings()
    assert SECRET not in str(caught.value)
