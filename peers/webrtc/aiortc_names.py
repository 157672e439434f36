"""The names of aiortc and aioice that calls rest on although no documentation promises them.

Both are young and move; this is the one list of what a release may break. `moved` says by name what
a release lacks: a test fails with it, and a server does not open its port.
"""

from __future__ import annotations

from importlib.metadata import version

NAMES: dict[str, tuple[str, ...]] = {
    "aiortc.RTCIceGatherer": ("_connection",),
    "aiortc.RTCIceTransport": ("_connection", "_recv", "_send"),
    "aiortc.RTCDtlsTransport": ("_rx_srtp", "_tx_srtp", "_set_role"),
    "aiortc.RTCSctpTransport": (
        "_advertised_rwnd",
        "_data_channel_flush",
        "_data_channel_queue",
        "_inbound_streams",
        "_outbound_queue",
        "_receive_data_chunk",
        "_sent_queue",
    ),
    "aiortc.rtcsctptransport": ("DataChunk", "USERDATA_MAX_LENGTH"),
    "aiortc.rtcsctptransport.InboundStream": ("reassembly",),
    "aioice.Connection": (
        "_nominated",
        "_protocols",
        "_queue",
        "_remote_candidates",
        "check_incoming",
        "data_received",
        "get_component_candidates",
        "get_event",
    ),
    "aioice.ice.StunProtocol": ("close", "datagram_received", "request"),
    "aioice.candidate": ("candidate_foundation", "candidate_priority"),
}
"""Where they are → names, of objects, classes and modules. `ice`, `link` and `sctp` use them,
nobody else."""


def moved() -> list[str]:
    """Return what the installed releases lack, as `aiortc 1.16.0: RTCDtlsTransport._rx_srtp`.

    Raises:
        ImportError: aiortc is not installed.
    """
    return lacking(_holders())


def lacking(holders: dict[str, object]) -> list[str]:
    """Return which names are not where they should be.

    Args:
        holders: The places of `NAMES`, and what was found there.
    """
    return [
        f"{place.partition('.')[0]} {version(place.partition('.')[0])}: {place}.{name}"
        for place, names in NAMES.items()
        for name in names
        if not hasattr(holders.get(place), name)
    ]


def _holders() -> dict[str, object]:
    import aiortc
    from aioice import Connection, candidate, ice
    from aiortc import rtcsctptransport

    gatherer = aiortc.RTCIceGatherer(iceServers=[])
    transport = aiortc.RTCIceTransport(gatherer)
    certificate = aiortc.RTCCertificate.generateCertificate()
    dtls = aiortc.RTCDtlsTransport(transport, [certificate])
    return {
        "aiortc.RTCIceGatherer": gatherer,
        "aiortc.RTCIceTransport": transport,
        "aiortc.RTCDtlsTransport": dtls,
        "aiortc.RTCSctpTransport": aiortc.RTCSctpTransport(dtls),
        "aiortc.rtcsctptransport": rtcsctptransport,
        "aiortc.rtcsctptransport.InboundStream": rtcsctptransport.InboundStream(),
        "aioice.Connection": Connection(ice_controlling=False),
        "aioice.ice.StunProtocol": getattr(ice, "StunProtocol", None),
        "aioice.candidate": candidate,
    }
