"""The pure core: a session's state and rules. It never awaits, sends or reads a clock.

Other wings may enter by the modules in `__all__`.
"""

__all__ = [
    "decisions",
    "effects",
    "heard_words",
    "keeping",
    "mcp",
    "ports",
    "reports",
    "session_config",
    "turn_settings",
    "wordless",
]
