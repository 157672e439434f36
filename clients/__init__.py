"""The programs that talk to the server: the terminal client, and the checks of a smoke test.

Other wings may enter by the modules in `__all__`.
"""

__all__: list[str] = []
