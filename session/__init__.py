"""The pure core: what a session is and does, without awaiting, sending or reading a clock.

Other wings may enter by the modules in `__all__`.
"""

__all__ = ["decisions", "effects", "ports", "reports", "session_config", "turn_settings"]
