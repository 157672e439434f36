"""What the console asks the server for: its state, and a check of its stack (§D.9)."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from config import Settings
from serving.access.keys import Access
from serving.console.self_check import SelfCheck
from serving.console.state import console_state
from serving.http_errors import origin_refused, refused
from serving.lifecycle import Lifecycle
from serving.refused import Refused
from serving.stacks import Stacks
from settings.paths import CONSOLE_PATH


def console_routes(
    settings: Settings,
    access: Access,
    stacks: Stacks,
    lifecycle: Lifecycle,
    why_no_calls: Callable[[], str | None],
) -> APIRouter:
    """Build `/console/state` and `/console/check`, which need a key if keys are configured.

    Args:
        settings: The server's configuration.
        access: Checks keys and origins.
        stacks: Tell what they are made of, and have the providers.
        lifecycle: Tells the server's state.
        why_no_calls: Tells why there can be no WebRTC calls; None: there can be.
    """
    router = APIRouter(prefix=CONSOLE_PATH.rstrip("/"))
    self_check = SelfCheck(stacks, lifecycle)

    @router.get("/state", include_in_schema=False)
    async def state(request: Request) -> JSONResponse:
        names_hosts = access.admit(request.headers).minted is None
        told = console_state(
            settings, stacks, lifecycle, why_no_calls=why_no_calls(), names_hosts=names_hosts
        )
        told["check"] = self_check.told(names_hosts=names_hosts)
        return JSONResponse(told, headers={"Cache-Control": "no-store"})

    @router.post("/check", include_in_schema=False)
    async def check(request: Request) -> JSONResponse:
        names_hosts = access.admit(request.headers).minted is None
        try:
            # A form on any page could ask for it: that costs, though its page reads no answer.
            if not access.admits_page(request.headers):
                raise origin_refused()
            await self_check.run()
        except Refused as refusal:
            return refused(refusal)
        return JSONResponse(self_check.told(names_hosts=names_hosts))

    return router
