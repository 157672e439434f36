"""The names of aiortc and aioice that calls rest on although no documentation promises them.

Both are young and move; this is the one list of what a release may break. `moved` says by name what
a release lacks: a test fails with it, and a server does not open its port.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version

PRIVATE_NAMES: dict[str, tuple[str, ...]] = {
    # module:class → attributes of an instance, or of the module where there is no class.
    "aiortc.rtcicetransport:RTCIceGatherer": ("_connection",),
    "aiortc.rtcicetransport:RTCIceTransport": ("_connection", "_recv", "_send"),
    "aiortc.rtcdtlstransport:RTCDtlsTransport": ("_rx_srtp", "_tx_srtp", "_set_role"),
    "aiortc.rtcsctptransport:RTCSctpTransport": (
        "_data_channel_flush",
        "_data_channel_queue",
        "_outbound_queue",
        "_sent_queue",
    ),
    "aiortc.rtcsctptransport": ("USERDATA_MAX_LENGTH",),
    "aioice.ice:Connection": (
        "_nominated",
        "_protocols",
        "check_incoming",
        "data_received",
        "get_component_candidates",
    ),
    "aioice.ice:StunProtocol": (
        "close",
        "datagram_received",
        "request",
    ),
    "aioice.candidate": ("candidate_foundation", "candidate_priority"),
}
"""Where each is → names. All are used by `ice` and `link` alone."""


def moved() -> list[str]:
    """Return what the installed releases lack, as `aiortc 1.16.0: RTCDtlsTransport._rx_srtp`.

    Raises:
        ImportError: aiortc is not installed.
    """
    from aiortc import (
        RTCCertificate,
        RTCDtlsTransport,
        RTCIceGatherer,
        RTCIceTransport,
        RTCSctpTransport,
    )

    gatherer = RTCIceGatherer(iceServers=[])
    transport = RTCIceTransport(gatherer)
    dtls = RTCDtlsTransport(transport, [RTCCertificate.generateCertificate()])
    instances: dict[str, object] = {
        "RTCIceGatherer": gatherer,
        "RTCIceTransport": transport,
        "RTCDtlsTransport": dtls,
        "RTCSctpTransport": RTCSctpTransport(dtls),
    }
    lacking: list[str] = []
    for place, names in PRIVATE_NAMES.items():
        module, _, cls = place.partition(":")
        package = module.partition(".")[0]
        for name in names:
            if not _has(module, cls, name, instances):
                lacking.append(f"{package} {version(package)}: {cls or module}.{name}")
    return lacking


def _has(module: str, cls: str, name: str, instances: dict[str, object]) -> bool:
    holder: object = import_module(module)
    if cls in instances:
        holder = instances[cls]
    elif cls == "Connection":
        gatherer = instances["RTCIceGatherer"]
        holder = getattr(gatherer, "_connection", None) or getattr(holder, cls, None)
    elif cls:
        holder = getattr(holder, cls, None)
    return hasattr(holder, name)
