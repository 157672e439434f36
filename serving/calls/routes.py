"""Calls by HTTP: how one is opened, and how it is ended (§D.2, D.3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from fastapi import APIRouter, Request, Response

from serving.addresses import client_of
from serving.admission import Admission, Asked
from serving.calls.offers import SDP, read_offer
from serving.calls.registry import Calls
from serving.calls.relay import pass_request_on
from serving.calls.sidebands import unknown_call
from serving.calls.whereabouts import Here, UnknownCall, Whereabouts
from serving.handshake import Service
from serving.http_errors import refused
from serving.open_sessions import OpenSessions
from serving.refused import Refused
from wire.errors import ProtocolError
from wire.media import Media

_OF_SIP = ("accept", "reject", "refer")
"""What is done with a call that came by telephone. There are none, so none is known."""

Answer = Callable[[Request, Asked], Awaitable[Response]]


class CallRoutes:
    """Opens calls, and ends them."""

    def __init__(
        self, admission: Admission, calls: Calls, whereabouts: Whereabouts, sessions: OpenSessions
    ) -> None:
        """Prepare.

        Args:
            admission: Lets clients in.
            calls: The calls of this process.
            whereabouts: Finds those of others.
            sessions: Counts refusals.
        """
        self._admission = admission
        self._calls = calls
        self._whereabouts = whereabouts
        self._sessions = sessions

    def router(self, paths: Mapping[str, Service]) -> APIRouter:
        """Build the routes.

        Args:
            paths: Path of the Realtime API → whose it is.
        """
        router = APIRouter()
        for path, service in paths.items():
            # Beta's offers come to the path itself (§D.5).
            for place in (path, f"{path}/calls"):
                opening = self._endpoint(service, self._opening(f"{path}/calls"))
                router.add_api_route(place, opening, methods=["POST"])
            translations = f"{path}/translations/calls"
            opening = self._endpoint(service, self._opening(translations), translates=True)
            router.add_api_route(translations, opening, methods=["POST"])
            ending = self._endpoint(service, self._hang_up)
            for place in (f"{path}/calls", translations):
                call = f"{place}/{{call_id}}"
                router.add_api_route(f"{call}/hangup", ending, methods=["POST"])
                router.add_api_route(call, ending, methods=["DELETE"])
            call = f"{path}/calls/{{call_id}}"
            unknown = self._endpoint(service, self._refuse)
            for action in _OF_SIP:
                router.add_api_route(f"{call}/{action}", unknown, methods=["POST"])
        return router

    def _endpoint(
        self, service: Service, answer: Answer, *, translates: bool = False
    ) -> Callable[..., Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            client = client_of(request)
            query, headers = request.query_params, request.headers
            asked = Asked(
                query,
                headers,
                client=client,
                service=service,
                translates=translates,
                media=Media.TRACKS,
            )
            try:
                return await answer(request, asked)
            except Refused as refusal:
                self._sessions.note(refusal, client)
                return refused(refusal)

        return endpoint

    def _opening(self, path: str) -> Answer:
        async def open_call(request: Request, asked: Asked) -> Response:
            grant = self._admission.enter(asked)
            self._calls.check_installed()
            try:
                offer = await read_offer(request)
            except ProtocolError as error:
                raise Refused(error.code, error.message, error.param) from None
            admitted = self._admission.admit(replace(asked, session=offer.session), grant)
            call_id, answer = await self._calls.begin(admitted, offer.sdp)
            location = f"{request.scope.get('root_path', '')}{path}/{call_id}"
            return Response(answer, 201, {"Location": location}, SDP)

        return open_call

    async def _hang_up(self, request: Request, asked: Asked) -> Response:
        grant = self._admission.recognise(asked)
        call_id = request.path_params["call_id"]
        try:
            owner = self._whereabouts.of(call_id, asked.headers)
            if not isinstance(owner, Here):
                return await pass_request_on(request, owner)
        except UnknownCall:
            raise unknown_call() from None
        call = self._calls.find(call_id)
        if call is None:
            raise unknown_call()
        self._admission.check_control(asked, grant, call.admitted.holder)
        self._calls.hang_up(call)
        return Response()

    async def _refuse(self, _request: Request, asked: Asked) -> Response:
        self._admission.recognise(asked)
        raise unknown_call()
