"""Translation sessions: continuous speech in, its translation out while the speaker goes on.

Other wings may enter by the modules in `__all__`.
"""

__all__ = ["settings", "transport", "voices"]
