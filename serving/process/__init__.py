"""The server as a process: its listening socket, its workers, and its shutdown.

Other wings may enter by the modules in `__all__`.
"""

__all__ = [
    "cores",
    "draining_server",
    "ending",
    "garbage",
    "seat",
    "server",
    "uvicorn_websocket",
]
