"""What the server says when it is ready: its addresses, the stack, and what to do next."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from config import PRODUCT_NAME, VERSION, RecordingConfig, Settings
from pipeline_manager import PipelineManager
from serving.addresses import ANY_ADDRESS, Addresses
from serving.ollama_offer import OllamaHere
from serving.stack_differences import differences
from serving.stacks import Stacks
from settings.columns import columns, padded
from settings.installation import start_client, start_profile, start_server
from settings.localisation import _, in_english, spoken_by_user

WIDTH = 100
"""Columns of the longest line, unless an address or a name of the user's makes it longer."""
OFFERED_MODEL = "llama3.2"
"""What is to be fetched where there is no model yet: 2 GB, and it speaks several languages."""
_USUAL = Addresses("localhost:8000", "/v1/realtime")
"""Where the clients here look by themselves."""


def banner(
    settings: Settings,
    stacks: Stacks,
    addresses: Addresses | None,
    ollama: OllamaHere | None,
    udp_port: int | None = None,
    tool_servers: str | None = None,
) -> str:
    """Return the text; with `server.log_json` one line of JSON, as the log's lines are.

    Args:
        settings: The server's configuration.
        stacks: Tell what they are made of.
        addresses: Where the server is, for somebody at this machine; None: only uvicorn knows.
        ollama: An Ollama on this machine, if it was looked for and found.
        udp_port: The port of WebRTC calls; None: there are none.
        tool_servers: The MCP servers that sessions may use; None: there are none.
    """
    if settings.server.log_json:
        with in_english():
            return _json_line(addresses, stacks, tool_servers, settings.recording.dir)
    default = stacks.default.pipelines
    stack = [*_table(_stack(default, tool_servers)), *_others(stacks)]
    parts = [
        f"{PRODUCT_NAME} {VERSION}",
        *_recorded(settings.recording),
        *_where(settings, addresses, udp_port),
        "",
        *stack,
    ]
    parts += ["", *_next(settings, addresses), *_deaf(default)]
    if default.llm.for_trial:
        parts += ["", *_real_model(ollama)]
    return "\n".join(parts)


def _recorded(recording: RecordingConfig) -> list[str]:
    """Say loudly that sessions are recorded, where they are."""
    if recording.dir is None:
        return []
    told = _("RECORDING: all that is said in any session is written into {folder}")
    if recording.redact:
        told = _("RECORDING: the course of every session is written into {folder}, without words")
    return [told.format(folder=recording.dir)]


def _stack(manager: PipelineManager, tool_servers: str | None) -> dict[str, str]:
    return manager.describe() | ({"MCP": tool_servers} if tool_servers else {})


def _where(settings: Settings, addresses: Addresses | None, udp_port: int | None) -> list[str]:
    server = settings.server
    if addresses is None:
        path = _("{path}, below the address that uvicorn names").format(path=server.ws_path)
        rows = {_("clients"): path}
    else:
        rows = {_("clients"): addresses.websocket}
        if addresses.base_url is not None:
            rows[_("SDK")] = f'base_url="{addresses.base_url}"'
        if server.console:
            rows[_("browser")] = addresses.page
    if server.testing:
        rows[_("test")] = _("a script is played: POST /testing/script")
    if udp_port is not None:
        rows[_("calls")] = _("by WebRTC, UDP port {port}").format(port=udp_port)
    if server.host in ANY_ADDRESS:
        rows[_("others")] = _("reach it by this machine's name or address")
    if server.api_keys:
        rows[_("key")] = _("one of REALTIME_API_KEYS; clients read it from OPENAI_API_KEY")
    return list(_table(rows))


def _table(rows: Mapping[str, str]) -> Iterable[str]:
    """Yield a line for each row, folded where it is too long."""
    width = max(map(columns, rows))
    for name, value in rows.items():
        yield textwrap.fill(
            value,
            WIDTH,
            initial_indent=f"  {padded(name, width)}  ",
            subsequent_indent=" " * (width + 4),
            break_long_words=False,
            break_on_hyphens=False,
        )


def _others(stacks: Stacks) -> list[str]:
    """Say what the other stacks have that the default one has not."""
    if not stacks.named:
        return []
    rows = {
        f"?model={stack.name}": "; ".join(differences(stack, stacks.default)) or _("as above")
        for stack in stacks.named
    }
    return ["", *_table(rows)]


def _next(settings: Settings, addresses: Addresses | None) -> list[str]:
    options = ""
    if addresses is not None and addresses != _USUAL:
        options = f"--url {addresses.websocket}"
    commands = {
        start_client("test_client.py", options): _("a typed and a spoken turn, checked"),
        start_client("push_to_talk_app.py", options): _("talk with it"),
    }
    title = _("Next, in another terminal:")
    if settings.server.api_keys:
        title = _("Next, in another terminal, with a key in OPENAI_API_KEY:")
    width = max(map(len, commands))
    return [title, *(f"  {what:<{width}}   {why}" for what, why in commands.items())]


def _deaf(manager: PipelineManager) -> list[str]:
    """Say how the user's own language is understood, where the recogniser does not know it."""
    known = manager.stt.languages
    if known is None or spoken_by_user() in known:
        return []
    told = _("The recogniser does not understand your language. One that does:")
    return ["", told, f"  {start_profile('offline')}"]


def _real_model(ollama: OllamaHere | None) -> list[str]:
    if ollama is not None and ollama.model is not None:
        said = _(
            "Rules give the answers, for trying things out. Ollama runs here; with its {model}:"
        )
        return [said.format(model=ollama.model), _with_ollama(ollama, ollama.model)]
    fetch = f"  ollama pull {OFFERED_MODEL}"
    if ollama is not None:
        said = _("Rules give the answers, for trying things out. Ollama runs here without a model:")
        return [said, fetch, _with_ollama(ollama, OFFERED_MODEL)]
    return [
        _("Rules give the answers, for trying things out. A real model, by https://ollama.com:"),
        fetch,
        _with_ollama(None, OFFERED_MODEL),
        _("or from a GGUF file of yours:"),
        f"  REALTIME_LLM__MODEL=/path/to/model.gguf {start_server()}",
    ]


def _with_ollama(ollama: OllamaHere | None, model: str) -> str:
    base = ""
    if ollama is not None and not ollama.is_where_expected:
        base = f"REALTIME_LLM__API_BASE={ollama.address} \\\n  "
    chosen = f"REALTIME_LLM__PROVIDER=ollama REALTIME_LLM__MODEL={model}"
    return f"  {base}{chosen} {start_server()}"


def _json_line(
    addresses: Addresses | None, stacks: Stacks, tool_servers: str | None, recorded: Path | None
) -> str:
    line = {
        "time": datetime.now().astimezone().isoformat(),
        "level": "info",
        "message": f"{PRODUCT_NAME} {VERSION} is ready",
        "event": "server.ready",
        "address": addresses and addresses.websocket,
        "stack": _lower(_stack(stacks.default.pipelines, tool_servers)),
        "stacks": {stack.name: _lower(stack.pipelines.describe()) for stack in stacks.named},
        **({} if recorded is None else {"recording": str(recorded)}),
    }
    return json.dumps(line, ensure_ascii=False)


def _lower(described: dict[str, str]) -> dict[str, str]:
    return {kind.lower(): label for kind, label in described.items()}
