"""The server as a process: how it listens, how it is multiplied, and how it ends.

Other wings may enter by the modules in `__all__`.
"""

__all__: list[str] = []
