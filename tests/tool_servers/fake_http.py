"""HTTP servers that answer MCP wrongly, each in its own way; real ones do not."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

Answer = Any

VERSION = "2025-06-18"


class FakeMcp:
    """An MCP server of 2025 without streams, of which single answers can be replaced."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.asked: list[dict[str, Any]] = []
        """Messages, in order."""
        self.headers: list[dict[str, str]] = []
        """Headers of all requests."""
        self.status: int | None = None
        """The status of all answers."""
        self.reason = ""
        """An error of JSON-RPC that goes with that status."""
        self.location = ""
        """Where all requests are redirected to."""
        self.version = VERSION
        self.tools: list[Any] = []
        self.page = 1000
        """Tools in a page."""
        self.result: Any = {"content": [{"type": "text", "text": "ok"}]}
        """What a call answers: a result, or bytes that are sent as they are."""
        self.error: dict[str, Any] | None = None
        """An error of JSON-RPC that a call answers instead."""
        self.list_error: dict[str, Any] | None = None
        """The same for the list of tools."""
        self.refuses: dict[str, Any] = {}
        """How requests with an unknown session are refused: arguments of a `Response`, or
        `endless`. Empty: the server begins no sessions."""
        self.session = 0
        """The one session that is known; a server that was started anew knows another one."""
        self.breaks = False
        """Whether the answer of a call is a stream of events with ids that breaks off."""
        self.resumption: dict[str, Any] = {}
        """How requests for the rest of it are answered: arguments of a `Response`."""
        self.resumed = 0
        """How many such requests there were."""
        self.forgets = False
        """Whether the session is forgotten once a call is answered."""
        self.forgets_after_pages = 0
        """After how many pages of a list the session is forgotten; 0: after none."""
        self.gzipped = False
        self.slow = False
        """Whether the body of a call's answer never ends."""
        self.app.post("/mcp")(self.post)
        self.app.get("/mcp")(self.get)
        self.app.get("/elsewhere")(self.elsewhere)
        self.app.post("/elsewhere")(self.elsewhere)

    async def get(self, request: Request) -> Response:
        if "last-event-id" in request.headers:
            self.resumed += 1
            return Response(**self.resumption)
        return Response(status_code=self.status or 405)

    async def elsewhere(self) -> Response:
        self.asked.append({"method": "elsewhere"})
        return Response("{}", media_type="application/json")

    async def post(self, request: Request) -> Response:
        self.headers.append(dict(request.headers))
        message = json.loads(await request.body())
        self.asked.append(message)
        method = message["method"]
        if self.location:
            return Response(status_code=self.status or 307, headers={"Location": self.location})
        if self.status is not None and self.reason:
            error = {"code": -32600, "message": self.reason}
            told = json.dumps({"jsonrpc": "2.0", "id": message.get("id"), "error": error})
            return Response(told, status_code=self.status, media_type="application/json")
        if self.status is not None:
            return Response("<html>", status_code=self.status, media_type="text/html")
        is_known = request.headers.get("mcp-session-id") == f"session-{self.session}"
        if self.refuses and not is_known and method not in ("server/discover", "initialize"):
            if self.refuses.get("endless"):
                status = self.refuses["status_code"]
                return StreamingResponse(self._drip(), status, media_type="application/json")
            return Response(**self.refuses)
        if "id" not in message:
            return Response(status_code=202)
        if method == "server/discover":
            return Response(status_code=400)
        if method == "tools/call" and (self.slow or message["params"]["name"] == "hang"):
            return StreamingResponse(self._drip(), media_type="application/json")
        if method == "tools/list" and self.forgets_after_pages:
            self.forgets_after_pages -= 1
            self.session += not self.forgets_after_pages
        if method == "tools/call" and self.breaks:
            broken = "id: 1\nretry: 1\ndata:\n\n"
            return Response(broken, media_type="text/event-stream")
        if method == "tools/call" and self.forgets:
            self.session += 1
        if method == "tools/call" and isinstance(self.result, bytes):
            return Response(self.result, media_type="application/json")
        answer = {"jsonrpc": "2.0", "id": message["id"], **self._answer(method, message)}
        body = json.dumps(answer).encode()
        if method == "initialize" and self.refuses:
            begun = {"mcp-session-id": f"session-{self.session}"}
            return Response(body, media_type="application/json", headers=begun)
        if self.gzipped and method == "tools/call":
            coded = {"Content-Encoding": "gzip"}
            return Response(gzip.compress(body), media_type="application/json", headers=coded)
        return Response(body, media_type="application/json")

    async def _drip(self) -> Any:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    def _answer(self, method: str, message: dict[str, Any]) -> dict[str, Any]:
        match method:
            case "initialize":
                server = {"name": "fake", "version": "1"}
                found = {"protocolVersion": self.version, "capabilities": {"tools": {}}}
                return {"result": {**found, "serverInfo": server}}
            case "tools/list" if self.list_error is not None:
                return {"error": self.list_error}
            case "tools/list":
                start = int((message.get("params") or {}).get("cursor") or 0)
                page: dict[str, Any] = {"tools": self.tools[start : start + self.page]}
                if start + self.page < len(self.tools):
                    page["nextCursor"] = str(start + self.page)
                return {"result": page}
            case "tools/call" if self.error is not None:
                return {"error": self.error}
            case "tools/call":
                return {"result": self.result}
        return {"error": {"code": -32601, "message": "no such method"}}


def tool(name: str, schema: Any = None) -> dict[str, Any]:
    """A tool in a list."""
    return {"name": name, "inputSchema": {"type": "object"} if schema is None else schema}
