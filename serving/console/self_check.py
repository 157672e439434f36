"""The check of the stack, asked for at the console of the running server (§D.9).

It is `python main.py --check`, with the providers that serve the sessions: nothing is loaded twice.
It uses the services, which may cost money, so it runs when somebody asks and not before.
"""

from __future__ import annotations

import asyncio
from typing import Any

from serving.check_verdicts import Verdict
from serving.http_errors import not_ready
from serving.lifecycle import Lifecycle
from serving.stack_check import check
from serving.stacks import Stacks
from settings.localisation import in_english


class SelfCheck:
    """Runs the check, one at a time, and keeps the result of the last."""

    def __init__(self, stacks: Stacks, lifecycle: Lifecycle) -> None:
        """Prepare.

        Args:
            stacks: Have the providers, and the settings.
            lifecycle: Tells when the server begins to drain.
        """
        self._stacks = stacks
        self._lifecycle = lifecycle
        self._last: asyncio.Task[list[Verdict]] | None = None
        """The check that was begun last."""

    def told(self, *, names_hosts: bool) -> dict[str, Any]:
        """Return the state of the check, as JSON has it.

        Args:
            names_hosts: Whether to name what is in use; see `console_state`.
        """
        last = self._last
        if last is None or (last.done() and (last.cancelled() or last.exception())):
            return {"status": "never"}
        if not last.done():
            return {"status": "running"}
        verdicts = [self._written(verdict, names_hosts) for verdict in last.result()]
        return {"status": "done", "verdicts": verdicts}

    async def run(self) -> None:
        """Check the stack, or wait for the end of the check that is running.

        Raises:
            Refused: The server is not ready, or no longer.
        """
        if not self._lifecycle.ready:
            raise not_ready(self._lifecycle)
        if self._last is None or self._last.done():
            with in_english():
                self._last = asyncio.create_task(
                    check(self._stacks.default.settings, self._stacks), name="check"
                )
        last = self._last
        draining = asyncio.create_task(self._lifecycle.draining())
        # A browser that goes away ends its own waiting, not the check.
        try:
            await asyncio.wait({last, draining}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            draining.cancel()
        if not last.done():
            last.cancel()
            raise not_ready(self._lifecycle)
        if error := last.exception():
            raise error

    def _written(self, verdict: Verdict, names_hosts: bool) -> dict[str, Any]:
        error = verdict.error
        return {
            "stage": verdict.stage,
            "stacks": list(verdict.stacks),
            "provider": verdict.provider,
            "label": verdict.label if names_hosts else "",
            "reachable": verdict.reachable,
            "first_result_ms": verdict.first_result_ms,
            "result": verdict.result,
            "error": error and self._stacks.redacted(error.message),
        }
