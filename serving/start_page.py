"""`GET /` for people with a browser: the server's state, its address, and how to connect.

One page of HTML without a script; it loads nothing, from nowhere. Clients that do not ask for HTML
are answered as on every other path without a route (`wrong_paths.py`).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from html import escape
from pathlib import Path
from string import Template

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from config import PRODUCT_NAME, VERSION, ServerConfig
from pipeline_manager import PipelineManager
from serving.addresses import Addresses
from serving.lifecycle import Lifecycle
from serving.start_page_texts import TEXTS, language_of
from settings.localisation import in_english

_TEMPLATE = Path(__file__).with_suffix(".html")
_STYLE = """
:root{--ink:#1b1f24;--soft:#57606a;--paper:#fff;--box:#f3f4f6;--line:#d5d9de;--good:#1a7f37}
@media (prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#9aa4ae;--paper:#14171a;
--box:#1f2429;--line:#353c43;--good:#4ac26b}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,"Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif}
main{max-width:46rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.5rem;margin:0}h1 small{font-size:1rem;font-weight:400;color:var(--soft)}
h2{font-size:1.1rem;margin:1.75rem 0 .5rem}h3{font-size:1rem;margin:1rem 0 .25rem}
p,ul,dl{margin:.5rem 0}ul{padding-left:1.25rem}
.status span{display:inline-block;width:.65em;height:.65em;border-radius:50%;background:var(--soft)}
.status.healthy span{background:var(--good)}
dl{display:grid;grid-template-columns:minmax(7rem,auto) 1fr;gap:.25rem 1rem}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
code,pre{font:.875rem/1.45 ui-monospace,Menlo,Consolas,monospace}
pre{margin:.25rem 0;padding:.75rem;background:var(--box);border:1px solid var(--line);
border-radius:6px;overflow-x:auto}
@media (max-width:30rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.4rem}}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # It may be kept, but is asked for again: the state changes.
    "Cache-Control": "no-cache",
    "Vary": "Accept, Accept-Language, Host",
}
_PYTHON = """\
# pip install "openai[realtime]"
from openai import OpenAI

client = OpenAI(base_url="{base}"{key_python})
with client.realtime.connect(model="gpt-realtime") as connection:
    session = {{"type": "realtime", "output_modalities": ["text"]}}
    connection.session.update(session=session)
    content = [{{"type": "input_text", "text": "{hello}"}}]
    message = {{"type": "message", "role": "user", "content": content}}
    connection.conversation.item.create(item=message)
    connection.response.create()
    for event in connection:
        if event.type == "response.output_text.delta":
            print(event.delta, end="", flush=True)
        elif event.type in ("response.done", "error"):
            break
"""
_JAVASCRIPT_SDK = """\
// npm install openai ws
import OpenAI from "openai";
import {{ OpenAIRealtimeWS }} from "openai/realtime/ws";

const baseURL = "{base}";
const client = new OpenAI({{ baseURL{key_javascript} }});
const realtime = new OpenAIRealtimeWS({{ model: "gpt-realtime" }}, client);
realtime.on("session.created", () => {{
  const content = [{{ type: "input_text", text: "{hello}" }}];
  const session = {{ type: "realtime", output_modalities: ["text"] }};
  realtime.send({{ type: "session.update", session }});
  const item = {{ type: "message", role: "user", content }};
  realtime.send({{ type: "conversation.item.create", item }});
  realtime.send({{ type: "response.create" }});
}});
realtime.on("response.output_text.delta", (event) => {{
  process.stdout.write(event.delta);
}});
realtime.on("response.done", () => realtime.close());
"""
_JAVASCRIPT = """\
// Node 22 or later, or a browser. OpenAI's SDK for JavaScript connects by wss: only.
const url = "{websocket}?model=gpt-realtime";
const socket = new WebSocket(url, ["realtime"{key_subprotocol}]);
const send = (event) => socket.send(JSON.stringify(event));
socket.onopen = () => {{
  const content = [{{ type: "input_text", text: "{hello}" }}];
  const session = {{ type: "realtime", output_modalities: ["text"] }};
  send({{ type: "session.update", session }});
  send({{ type: "conversation.item.create", item: {{ type: "message", role: "user", content }} }});
  send({{ type: "response.create" }});
}};
socket.onmessage = (message) => {{
  const event = JSON.parse(message.data);
  if (event.type === "response.output_text.done") console.log(event.text);
  if (event.type === "response.done") socket.close();
}};
"""
_CURL = """\
curl {page}health
curl {key_curl}{base}/models
"""


class StartPage:
    """Answers browsers at `/`; everything else is left to another application."""

    def __init__(
        self, others: ASGIApp, server: ServerConfig, manager: PipelineManager, lifecycle: Lifecycle
    ) -> None:
        """Prepare.

        Args:
            others: Answers what is not asked for by a browser.
            server: Path and keys.
            manager: Tells the stack, which is shown where no keys are configured.
            lifecycle: Tells the server's state.
        """
        self._others = others
        self._server = server
        self._manager = manager
        self._lifecycle = lifecycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["path"] != "/" or not _wants_page(Request(scope)):
            await self._others(scope, receive, send)
            return
        await self._answer(Request(scope))(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        page = self._page(request).encode()
        tag = f'"{hashlib.sha256(page).hexdigest()[:32]}"'
        headers = {**HEADERS, "ETag": tag}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        # The server itself leaves the body of the answer to HEAD out.
        return Response(page, headers=headers, media_type="text/html")

    def _page(self, request: Request) -> str:
        language = language_of(request.headers.get("accept-language", ""))
        texts = TEXTS[language]
        url = request.url
        addresses = Addresses(url.netloc, self._server.ws_path, secure=url.scheme == "https")
        sections = [_address(addresses, texts, keys=bool(self._server.api_keys))]
        if not self._server.api_keys:
            sections.append(_stack(self._manager, texts))
        if addresses.base_url is not None:
            sections.append(_examples(addresses, texts, keys=bool(self._server.api_keys)))
        state = self._lifecycle.state
        return _template().substitute(
            lang=language,
            product=escape(PRODUCT_NAME),
            version=escape(VERSION),
            style=_STYLE,
            state=state,
            status=escape(texts[state]),
            sections="\n".join(sections),
        )


@cache
def _template() -> Template:
    return Template(_TEMPLATE.read_text(encoding="utf-8"))


def _wants_page(request: Request) -> bool:
    return request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")


def _address(addresses: Addresses, texts: Mapping[str, str], *, keys: bool) -> str:
    rows = {texts["clients"]: addresses.websocket}
    if addresses.base_url is not None:
        rows[texts["sdk"]] = addresses.base_url
    notes = []
    if addresses.base_url is None:
        notes.append(texts["no_sdk"])
    if keys:
        notes.append(texts["key"])
    told = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return f"<h2>{escape(texts['address'])}</h2>{_table(rows, 'code')}{told}"


def _stack(manager: PipelineManager, texts: Mapping[str, str]) -> str:
    with in_english():
        rows = {texts[kind]: label for kind, label in manager.describe().items()}
    limits = "".join(f"<li>{escape(limit)}</li>" for limit in _limits(manager, texts))
    return (
        f"<h2>{escape(texts['stack'])}</h2>{_table(rows, 'span')}"
        f"<h3>{escape(texts['limits'])}</h3><ul>{limits}</ul>"
    )


def _limits(manager: PipelineManager, texts: Mapping[str, str]) -> Iterator[str]:
    can = manager.capabilities
    if manager.llm.for_trial:
        yield texts["trial"]
    if can.languages is not None:
        yield texts["languages"].format(names=", ".join(sorted(can.languages)))
    if not can.transcription_prompt:
        yield texts["prompt"]
    if not can.images:
        yield texts["images"]
    if not can.reasoning:
        yield texts["reasoning"]
    yield texts["webrtc"]


def _examples(addresses: Addresses, texts: Mapping[str, str], *, keys: bool) -> str:
    values = {
        "base": addresses.base_url,
        "page": addresses.page,
        "websocket": addresses.websocket,
        "hello": texts["hello"],
        # With keys, the SDKs read theirs from the environment.
        "key_python": "" if keys else ', api_key="none"',
        "key_javascript": "" if keys else ', apiKey: "none"',
        "key_subprotocol": (
            ', "openai-insecure-api-key." + process.env.OPENAI_API_KEY' if keys else ""
        ),
        "key_curl": '-H "Authorization: Bearer $OPENAI_API_KEY" ' if keys else "",
    }
    javascript = _JAVASCRIPT_SDK if addresses.secure else _JAVASCRIPT
    shown = {"python": _PYTHON, "javascript": javascript, "curl": _CURL}
    told = "".join(
        f"<h3>{escape(texts[name])}</h3><pre>{escape(code.format(**values).strip())}</pre>"
        for name, code in shown.items()
    )
    return f"<h2>{escape(texts['try'])}</h2>{told}"


def _table(rows: Mapping[str, str], element: str) -> str:
    cells = "".join(
        f"<dt>{escape(name)}</dt><dd><{element}>{escape(value)}</{element}></dd>"
        for name, value in rows.items()
    )
    return f"<dl>{cells}</dl>"
