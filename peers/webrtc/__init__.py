"""A client on WebRTC: its audio as Opus over UDP, its events on a data channel.

The way of the audio: datagram (`udp_port`) → ICE and DTLS, which are aiortc's (`link`) → RTP
(`rtp`) → order (`reorder`) → Opus (`opus`) → `peer`, and back by `playout`. aiortc is imported only
when a port is opened, so that the server runs without it.

Other wings may enter by the modules in `__all__`.
"""

__all__ = ["figures", "media_port", "peer"]
