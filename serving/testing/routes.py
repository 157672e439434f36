"""A test by HTTP, in any language: its script, what came, and the end (`docs/testing.md`).

These paths are there with `--testing` alone. They need an API key where keys are configured, and
answer this machine alone where none are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from config import ServerConfig
from serving.access.keys import Access
from serving.http_errors import error_body, origin_refused
from serving.open_sessions import OpenSessions
from serving.refused import Refused
from serving.request_body import read_body
from serving.testing.desk import Desk
from settings.origins import is_loopback
from testing.journal import Wanted
from testing.known_names import event
from testing.rules import MOST_RULES, BadScript, read_script
from wire.errors import ProtocolError
from wire.strict_json import read_json

LONGEST_WAIT_S = 60.0
MOST_VALUES = 20 * MOST_RULES
"""JSON values in a script."""
_EVENTS = {"session", "type", "from", "wait_s", "count"}


def testing_routes(
    desk: Desk, access: Access, sessions: OpenSessions, server: ServerConfig
) -> APIRouter:
    """Build `/testing/…`.

    Args:
        desk: The script and the journal.
        access: Checks keys.
        sessions: The sessions that a reset ends.
        server: Whether there are keys.
    """

    async def as_operator(request: Request) -> None:
        access.admit_operator(request.headers)
        if not access.admits_page(request.headers):
            # Without keys, any page that somebody opens at this machine could set a script.
            raise origin_refused()
        client = request.client
        if not (server.api_keys or client is None or is_loopback(client.host)):
            raise Refused(
                "permission_denied",
                "Without API keys /testing answers this machine alone (REALTIME_API_KEYS).",
                http_status=403,
            )

    router = APIRouter(prefix="/testing", dependencies=[Depends(as_operator)])

    # One route, so that who asks with another method is told of both.
    @router.api_route("/script", methods=["GET", "POST"])
    async def script(request: Request) -> JSONResponse:
        if request.method == "POST":
            try:
                desk.script.add(read_script(await _json(request)))
            except (BadScript, ProtocolError) as bad:
                return _bad(str(bad))
        return JSONResponse({"rules": desk.script.state()})

    @router.get("/events")
    async def events(request: Request) -> JSONResponse:
        try:
            asked = _asked(request.query_params)
        except ValueError as bad:
            return _bad(str(bad))
        await desk.journal.until(asked.wanted, asked.count, asked.wait_s)
        return JSONResponse({"events": desk.journal.events(asked.wanted)})

    @router.get("/sessions")
    async def all_sessions() -> JSONResponse:
        return JSONResponse({"sessions": [one.told() for one in desk.journal.sessions()]})

    @router.get("/sessions/{session_id}/{audio}")
    async def audio(session_id: str, audio: str) -> Response:
        found = desk.journal.sessions(session_id)
        if not found or audio not in ("heard", "spoken"):
            told = f"There is no session {session_id}, or neither 'heard' nor 'spoken' is wanted."
            return JSONResponse(error_body(ProtocolError("not_found", told)), 404)
        pcm = found[0].heard if audio == "heard" else found[0].spoken
        return Response(bytes(pcm), media_type="application/octet-stream")

    @router.post("/reset")
    async def reset() -> JSONResponse:
        # A client that opens a session meanwhile is not the next test's.
        await sessions.end_all()
        desk.reset()
        return JSONResponse({"sessions": sessions.active})

    return router


def _bad(message: str) -> JSONResponse:
    return JSONResponse(error_body(ProtocolError("invalid_script", message)), 400)


async def _json(request: Request) -> Any:
    try:
        return read_json((await read_body(request)).decode(), MOST_VALUES)
    except ValueError as error:
        raise BadScript(f"script: is no JSON: {error}") from None
    except RecursionError:
        raise BadScript("script: is nested too deeply") from None


@dataclass(frozen=True, slots=True)
class _Asked:
    wanted: Wanted
    count: float
    wait_s: float


def _asked(query: Mapping[str, str]) -> _Asked:
    """Read what events are asked for; raises `ValueError`."""
    unknown = sorted(query.keys() - _EVENTS)
    if unknown:
        known = ", ".join(sorted(_EVENTS))
        raise ValueError(f"{unknown[0]}: there is no such parameter; there are {known}")
    if query.get("from", "client") not in ("client", "server"):
        raise ValueError("from: must be 'client' or 'server'")
    if "type" in query:
        try:
            event(query["type"])
        except ValueError as slip:
            raise ValueError(f"type: {slip}") from None
    return _Asked(
        Wanted(query.get("session"), query.get("type"), query.get("from")),
        _number(query, "count", 1, 1_000_000),
        _number(query, "wait_s", 0, LONGEST_WAIT_S),
    )


def _number(query: Mapping[str, str], name: str, usual: float, most: float) -> float:
    try:
        number = float(query.get(name, usual))
    except ValueError:
        number = -1
    if not 0 <= number <= most:
        raise ValueError(f"{name}: must be a number up to {most:g}")
    return number
