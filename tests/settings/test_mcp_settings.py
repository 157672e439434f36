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
    ],
)
def test_a_server_that_cannot_be_used_is_refused(server: dict[str, Any], told: str):
    assert told in problem(servers={"docs": server})


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
