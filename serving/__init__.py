"""The HTTP side: who is let in, which sessions are open, and the pages beside them.

Other wings may enter by the modules in `__all__`.
"""

__all__: list[str] = []
