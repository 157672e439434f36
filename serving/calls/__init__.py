"""Calls over WebRTC: their routes, which process has which call, and who else listens in.

Other wings may enter by the modules in `__all__`.
"""

__all__ = ["sidebands"]
