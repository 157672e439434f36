"""The HTTP side: admission of clients, the open sessions, and the HTTP endpoints.

Other wings may enter by the modules in `__all__`.
"""

__all__ = [
    "access",
    "addresses",
    "http_errors",
    "multipart",
    "process",
    "recording",
    "request_body",
    "voice_list",
]
