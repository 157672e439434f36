"""Connections to services over a WebSocket: how one is opened, used and lost, and what that means.

A recogniser that listens by a Realtime service and a service that stands behind whole sessions
(`upstream/`) are reached alike. Other wings may enter by the modules in `__all__`.
"""

__all__ = ["failures", "link", "passing_on", "realtime_link", "transcription"]
