"""Tells a server under test what to say (`POST /testing/script`), before a session is played."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from recordings.reading import Row
from recordings.replay import CannotReplay, Server
from settings.localisation import _

_PATIENCE_S = 20.0


def post_script(server: Server, rules: Sequence[Row]) -> None:
    """Have a server under test say what rules tell; what it was told before, it forgets.

    Raises:
        CannotReplay: It is none, or takes no such script.
    """
    _post(server, "/testing/reset", None)
    _post(server, "/testing/script", list(rules))


def _post(server: Server, path: str, body: Any) -> None:
    url = server.address.http + path
    request = urllib.request.Request(
        url,
        data=b"" if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {server.api_key}",
            "Content-Type": "application/json",
        },
        method="POST",
    )
    proxies: Any = {} if server.address.is_here else None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))
    try:
        with opener.open(request, timeout=_PATIENCE_S) as answer:
            answer.read()
    except urllib.error.HTTPError as refused:
        if refused.code in (404, 405):
            told = _("{url}: the server takes no script; start it with --testing")
            raise CannotReplay(told.format(url=url)) from None
        try:
            message = json.loads(refused.read())["error"]["message"]
        except (ValueError, KeyError, TypeError):
            message = refused.reason
        told = _("{url}: refused with {status}: {message}")
        raise CannotReplay(told.format(url=url, status=refused.code, message=message)) from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        told = _("{url}: cannot be connected to: {error}")
        raise CannotReplay(told.format(url=url, error=reason)) from None
