"""The server's fixed paths, which `server.ws_path` must not be.

Of two routes with one path only the first answers: the server would start without an error, and
sessions or the other endpoint could not be reached.
"""

from __future__ import annotations

import re

AZURE_PATHS = ("/openai/v1/realtime", "/openai/realtime")
"""Where Azure's clients look for the Realtime API (§D.7)."""
OWN_PATHS = frozenset({"/health", "/ready", "/metrics", "/v1/models", "/v1/audio/voices"})
"""Other HTTP endpoints, besides those below the paths of the Realtime API."""


def own_path(path: str) -> str:
    """Return `server.ws_path`, validated.

    Raises:
        ValueError: No client can request the path, or the server uses it already.
    """
    if not re.fullmatch(r"/[A-Za-z0-9._~!$&'()*+,;=:@/-]*", path):
        raise ValueError(
            f"{path!r} is no path that a client can ask for; it must begin with / and may have "
            "letters, digits, -, _ and ., as /v1/realtime has"
        )
    bare = path.rstrip("/")
    if bare in OWN_PATHS or any(f"{bare}/".startswith(f"{azure}/") for azure in AZURE_PATHS):
        raise ValueError(
            f"the server has something else at {path!r}; choose another path, such as /v1/realtime"
        )
    return path
