"""The server as a test double: the script that it plays, and the journal of what came to it.

Other wings may enter by the modules in `__all__`.
"""

__all__ = ["journal", "known_names", "rules", "script", "virtual_clock"]
