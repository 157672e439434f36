"""The client at the other end of a session: one seam, and a module for every way to reach it.

Other wings may enter by the modules in `__all__`.
"""

__all__ = ["base", "websocket"]
