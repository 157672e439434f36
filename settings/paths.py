"""Paths on which the server answers whatever `server.ws_path` says, and which that may not take.

Of two routes with one path the first one answers. The server would start without complaint, and
then either sessions or what is asked there otherwise could not be reached.
"""

from __future__ import annotations

import re

AZURE_PATHS = ("/openai/v1/realtime", "/openai/realtime")
"""Where Azure's clients look for the Realtime API (§D.7)."""
OWN_PATHS = frozenset({"/health", "/ready", "/metrics", "/v1/models", "/v1/audio/voices"})
"""What is asked by HTTP, beside what lies below the paths of the Realtime API."""


def own_path(path: str) -> str:
    """Return the path of the WebSocket as it was chosen.

    Raises:
        ValueError: No client can ask for it, or the server has it already.
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
