"""Peers: the client's side of a session, one interface and a module per kind of connection.

Other wings may enter by the modules in `__all__`.
"""

__all__ = ["base", "call", "connection", "faulty", "serving", "tapped", "webrtc", "websocket"]
