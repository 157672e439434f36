"""The server's fixed paths, which `server.ws_path` must not be.

Of two routes with one path only the first answers: the server would start without an error, and
sessions or the other endpoint could not be reached.
"""

from __future__ import annotations

import re

from settings.localisation import _

AZURE_PATH = "/openai/v1/realtime"
"""Where Azure's clients look for the Realtime API (§D.7)."""
AZURE_PREVIEW_PATH = "/openai/realtime"
"""Where they look for its preview, which is the beta dialect."""
AZURE_PATHS = (AZURE_PATH, AZURE_PREVIEW_PATH)
AZURE_SESSIONS_PATH = "/openai/realtimeapi/sessions"
"""Where the preview makes client secrets (§D.5)."""
AZURE_MODELS_PATHS = ("/openai/v1/models", "/openai/models")
MODELS_PATH = "/v1/models"
CONSOLE_PATH = "/console/"
"""The console's files, and what it asks for, are below it (§D.9)."""
OWN_PATHS = frozenset({"/health", "/livez", "/readyz", "/ready", "/metrics", "/v1/audio/voices"})
"""Other HTTP endpoints, besides those below the paths of the Realtime API."""

_AZURE = (*AZURE_PATHS, *AZURE_MODELS_PATHS, AZURE_SESSIONS_PATH)


def is_azure(path: str) -> bool:
    """Return whether a path is one of Azure's, or below one."""
    return any(f"{path}/".startswith(f"{known}/") for known in _AZURE)


def models_paths(ws_path: str) -> list[str]:
    """Return where model names are looked up: beside each path of the Realtime API.

    A client's base URL is the path without `/realtime`, and its models are below that URL.

    Args:
        ws_path: `server.ws_path`.
    """
    base = ws_path.removesuffix("/realtime")
    beside = [f"{base}/models"] if base != ws_path else []
    return list(dict.fromkeys([MODELS_PATH, *beside, *AZURE_MODELS_PATHS]))


def _below_others(path: str) -> bool:
    return f"{path}/".startswith((f"{MODELS_PATH}/", CONSOLE_PATH))


def own_path(path: str) -> str:
    """Return `server.ws_path`, validated.

    Raises:
        ValueError: No client can request the path, or the server uses it already.
    """
    if not re.fullmatch(r"/[A-Za-z0-9._~!$&'()*+,;=:@/-]*", path):
        raise ValueError(
            _(
                "{path} is no path that a client can ask for; it must begin with / and may have "
                "letters, digits, -, _ and ., as /v1/realtime has"
            ).format(path=repr(path))
        )
    bare = path.rstrip("/")
    if bare in OWN_PATHS or is_azure(bare) or _below_others(bare):
        raise ValueError(
            _(
                "the server has something else at {path}; choose another path, such as /v1/realtime"
            ).format(path=repr(path))
        )
    return path
