"""What of a server's settings is hidden in errors and in results, as its target has it."""

from __future__ import annotations

from typing import Any

import pytest

from config import load_settings
from session.mcp import McpServer
from tests.tool_servers.using import configured
from tool_servers.targets import redacted, target_of, target_of_operator, without_keys

URL = "https://mcp.example.com/mcp"


@pytest.mark.parametrize(
    ("args", "hidden"),
    [
        (["postgresql://bob:pgpass11@db/main"], ["pgpass11"]),
        (["--connection-string", "postgresql://bob:pg%2Fpass@db/main"], ["pg%2Fpass", "pg/pass"]),
        (["--dsn=postgresql://bob:pgpass33@db/main"], ["pgpass33"]),
        (["https://ghp_token44@git.example/x"], ["ghp_token44"]),
        (["https://a.example/sse?tenant=people&api_key=urlkey55"], ["urlkey55"]),
        (["https://a.example/s/0a1b2c3d4e5f6a7b/sse"], ["0a1b2c3d4e5f6a7b"]),
        (["--header", "Authorization: Bearer hdrtok66"], ["hdrtok66", "Bearer hdrtok66"]),
        (["--header=X-Api-Key: hdrkey77"], ["hdrkey77"]),
        (["-H", "Authorization:Bearer hdrtok88"], ["hdrtok88"]),
        (["--db", "Server=db;User Id=people;Password=pw99;Database=x", "-v"], ["pw99"]),
        (["host=db password='two words' dbname=orders"], ["two words"]),
        (["--redis", "db:6379,password=redispw,ssl=True"], ["redispw"]),
        (["-e", "GITHUB_TOKEN=ghp_dockerstyle", "--env=DB_PASS=dbpassvalue"], ["ghp_dockerstyle"]),
        (["--env=DB_PASS=dbpassvalue"], ["dbpassvalue"]),
        (["--auth", "authvalue", "--pin", "4711"], ["authvalue", "4711"]),
        (["tvly-a1b2c3d4e5f6g7h8", "-v"], ["tvly-a1b2c3d4e5f6g7h8"]),
        (["-Dapi.token=javatoken", "-Xmx1g"], ["javatoken"]),
        (["-HAuthorization: Bearer attached55"], ["attached55", "Bearer attached55"]),
        (["-H", "X-Org: people\nX-Api-Key: newline88"], ["newline88"]),
        (["--conn=Server=db;Uid=people;Pwd=argpwd1234;"], ["argpwd1234"]),
    ],
)
async def test_a_key_among_arguments_is_hidden_wherever_it_stands(
    args: list[str], hidden: list[str]
):
    target = target_of_operator("docs", configured({"command": "npx", "args": args}))
    for key in hidden:
        assert without_keys(f"({key})", target) == "(***)"
        assert redacted(f"({key})", target) == "(***)"
    text = "people of db.example and bob at main, 6379 orders with -v of Database x"
    assert without_keys(text, target) == redacted(text, target) == text


@pytest.mark.parametrize(
    "name",
    [
        *("PGPASSWORD", "MYSQL_PWD", "DB_PASS", "DBPASS", "GITHUB_PAT", "API_KEYS", "APIKEYS"),
        *(
            "REDISCLI_AUTH",
            "CREDENTIALS",
            "OPENAI_KEY",
            "USERTOKEN",
            "accessToken",
            "ACCESS_TOKENS",
        ),
        *("PASSPHRASE", "PIN", "bearer", "session-cookie"),
    ],
)
async def test_a_key_by_a_usual_name_is_hidden(name: str):
    target = target_of_operator("docs", configured({"command": "npx", "env": {name: "swordfish"}}))
    assert without_keys("It is swordfish.", target) == "It is ***."


@pytest.mark.parametrize(
    "name",
    ["PWD", "OLDPWD", "BYPASS", "COMPASS", "PATTERN", "PINS_FOLDER", "MAX_TOKENS", "KEYBOARD"],
)
async def test_what_only_sounds_like_a_key_is_not_hidden(name: str):
    value = "1000000" if name == "MAX_TOKENS" else "/srv/our-files"
    target = target_of_operator("docs", configured({"command": "npx", "env": {name: value}}))
    assert without_keys(f"It is {value}.", target) == f"It is {value}."


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        ("X-User=people,X-Custom-Auth=customtok99", ["customtok99"]),
        ("X-Custom-Auth=customtok99,X-User=me", ["customtok99"]),
        ("X-Auth=one,two11,X-User=me,X-Token=tok-en33", ["tok-en33"]),
        ("X-Org: people\nX-Api-Key: newlinekey88", ["newlinekey88"]),
        ("X-Org: people\r\n X-Api-Key: newlinekey88\r\nX-A: it", ["newlinekey88"]),
        ("X-Org: people, X-Api-Key: commakey77", ["commakey77"]),
        ("X-Api-Key: commakey77, X-Org: people", ["commakey77"]),
        ("X-Org:people;X-Api-Key:commakey77;X-A: it", ["commakey77"]),
        ("X-Org: people | Authorization: Bearer piped66", ["piped66", "Bearer piped66"]),
        ("{'Authorization': 'Bearer single66', 'X-Org': 'people'}", ["Bearer single66"]),
        ("{'headers': {'X-Org': 'people', 'Authorization': 'Bearer single66'}}", ["single66"]),
        ("{'X-Org': 'people', 'token': single66}", ["single66"]),
        ("{Authorization: 'Bearer single66', org: people}", ["single66"]),
        ('{"Authorization": "Bearer single66",}', ["single66", "Bearer single66"]),
        ("Driver={X};Server=db;Database=people;UID=sa;PWD=hunter2secret", ["hunter2secret"]),
        ("Server=db;Uid=people;Pwd=/hunter3;", ["/hunter3"]),
        ("host=db pwd=hunter4secret", ["hunter4secret"]),
        ("db.example:6379,pwd=hunter5secret,user=me", ["hunter5secret"]),
        ("https://db.example/people?pwd=hunter6secret&pin=4711", ["hunter6secret", "4711"]),
    ],
)
async def test_a_key_is_hidden_whatever_stands_before_it_in_a_value(value: str, keys: list[str]):
    servers = ({"command": "npx", "env": {"EXTRA": value}}, {"command": "npx", "args": [value]})
    for server in servers:
        target = target_of_operator("docs", configured(server))
        for key in keys:
            assert without_keys(f"({key})", target) == "(***)"
            assert redacted(f"({key})", target) == "(***)"
        text = "people of db.example, it is two Server of X"
        assert without_keys(text, target) == text


async def test_keys_within_a_value_are_hidden_and_its_plain_words_are_not():
    env = {
        "OPENAPI_MCP_HEADERS": '{"Authorization": "Bearer secret_notion", "Version": "2022"}',
        "STORAGE": "AccountName=people;AccountKey=Zm9vYmFy==;EndpointSuffix=core.example",
        "API_KEYS": "keyone,keytwo; keythree",
        "HOOK": "https://hooks.example/services/T0a1b2c3d4e5f6g7/x?sig=signed-so",
        "HTTP": '{"headers": [{"cookie": "sid=abcdefg; theme=dark-one"}], "pin": 47110815}',
    }
    target = target_of_operator("docs", configured({"command": "npx", "env": env}))
    for key in (
        *("secret_notion", "Zm9vYmFy==", "keyone", "keytwo", "keythree", "signed-so", "47110815"),
        *("T0a1b2c3d4e5f6g7", "sid=abcdefg", "abcdefg"),
    ):
        assert without_keys(f"({key})", target) == "(***)"
        assert redacted(f"({key})", target) == "(***)"
    text = "Version 2022, people, core.example, hooks.example/services"
    assert without_keys(text, target) == text


@pytest.mark.parametrize(
    ("server", "key"),
    [
        ({"url": "https://a.example/", "authorization": "test"}, "test"),
        ({"url": "https://a.example/", "authorization": "Token abc"}, "abc"),
        ({"url": "https://a.example/", "headers": {"X-Api-Key": "dev"}}, "dev"),
        ({"url": "https://a.example/?api_key=k-1"}, "k-1"),
        ({"command": "npx", "env": {"PIN": "4711"}}, "4711"),
        ({"command": "npx", "env": {"USERTOKEN": "utok1"}}, "utok1"),
        ({"command": "npx", "args": ["postgres://bob:pw1@db/x"]}, "pw1"),
    ],
)
async def test_a_short_key_is_hidden_as_a_word_of_its_own(server: dict[str, Any], key: str):
    target = target_of_operator("docs", configured(server))
    text = f"x{key} and {key}s, but “{key}” and {key}"
    hidden = f"x{key} and {key}s, but “***” and ***"
    assert without_keys(text, target) == redacted(text, target) == hidden


async def test_a_client_s_short_key_is_hidden_in_errors_as_well():
    config = load_settings(mcp={"allowed_hosts": ["mcp.example.com"]}).mcp
    target = target_of(McpServer("docs", URL, "abc", (("X-Pin", "4711"), ("X-A", "it"))), config)
    assert redacted("abc and 4711 of it", target) == "*** and *** of it"
    target = target_of(McpServer("docs", URL, None, (("Cookie", "a=1"),)), config)
    assert redacted("a=1", target) == "***"


@pytest.mark.parametrize(
    ("name", "value"),
    [("TOKEN_TTL", "3600"), ("AUTH", "true"), ("API_KEY", "no"), ("ENABLE_TOKEN", "auto")],
)
async def test_a_short_value_that_is_no_key_is_not_hidden(name: str, value: str):
    target = target_of_operator("docs", configured({"command": "npx", "env": {name: value}}))
    assert without_keys(f"It is {value}.", target) == f"It is {value}."
