"""§B.13: MCP servers of beta's clients and of client secrets."""

from __future__ import annotations

from typing import Any

from session.effects import Send
from tests.conformance.beta_wire import BetaDriver
from tests.conformance.mcp_events import DONE, FUNCTION
from tests.support.mcp_driver import DOCS, SEARCH, McpDriver
from tests.support.mcp_server import weather_server
from tests.support.running_server import plain_http, running, scripted_settings
from tests.support.session_driver import types
from tests.support.wire_client import client
from wire.beta_writing import BetaDialect


def test_beta_knows_nothing_of_it() -> None:
    d = BetaDriver()
    choice = {"type": "mcp", "server_label": "docs"}
    for asked in ({"tools": [DOCS]}, {"tool_choice": choice}):
        (error,) = d.update(**asked)
        assert error["error"]["code"] == "invalid_value"
        assert "'mcp'" in error["error"]["message"]


def test_a_beta_client_of_such_a_session_is_not_told_of_it() -> None:
    d = McpDriver()
    dialect = BetaDialect()
    choice = {"type": "mcp", "server_label": "docs"}
    d.update(tools=[FUNCTION, DOCS], tool_choice=choice)
    d.listed(SEARCH)
    d.respond()
    d.call("{}", name=d.offered[0])
    d.finish("tool_calls")
    d.found()
    d.answer()
    told = [
        event
        for effect in d.kind(Send)
        if effect.event.type != "error"
        for event in dialect.render(effect.event)
    ]
    # An item may stand behind one of those that it does not know.
    shown = [
        {name: held for name, held in one.items() if name != "previous_item_id"} for one in told
    ]
    assert "mcp" not in str(shown)
    assert "response.done" in types(told)


async def test_a_client_secret_carries_servers_and_none_of_their_keys() -> None:
    settings = scripted_settings(mcp={"allowed_hosts": ["mcp.example.com"]})
    async with running(settings) as server, plain_http() as http:
        path = f"{server.http}/v1/realtime/client_secrets"

        async def asked(tool: dict[str, Any]) -> Any:
            session = {"type": "realtime", "tools": [tool]}
            return (await http.post(path, json={"session": session})).json()

        assert (await asked(DOCS))["session"]["tools"] == [DOCS]
        for secret in ({"authorization": "key"}, {"headers": {"X-Key": "key"}}):
            refused = await asked({**DOCS, **secret})
            (name,) = secret
            assert refused["error"]["param"] == f"session.tools[0].{name}"
        elsewhere = await asked({**DOCS, "server_url": "https://inside.example.com/"})
        assert elsewhere["error"]["param"] == "session.tools[0].server_url"


async def test_a_session_that_a_client_secret_describes_asks_its_servers() -> None:
    async with weather_server() as weather:
        settings = scripted_settings(mcp={"allowed_hosts": [weather.host]})
        tool = {**DOCS, "server_url": weather.url}
        async with running(settings) as server, plain_http() as http:
            session = {"type": "realtime", "tools": [tool]}
            body = {"session": session}
            made = await http.post(f"{server.http}/v1/realtime/client_secrets", json=body)
            key = {"Authorization": f"Bearer {made.json()['value']}"}
            async with client(server.url, additional_headers=key) as wire:
                await wire.until("mcp_list_tools.completed")
        (done,) = wire.of(DONE)
        assert [one["name"] for one in done["item"]["tools"]] == ["get_weather", "order_taxi"]
