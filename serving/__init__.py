"""The HTTP side: admission of clients, the open sessions, and the HTTP endpoints.

Other wings may enter by the modules in `__all__`.
"""

__all__: list[str] = []
