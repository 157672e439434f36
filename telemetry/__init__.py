"""Telemetry for the operator: log lines, metrics, traces and the event loop's lag.

Other wings may enter by the modules in `__all__`.
"""

__all__ = [
    "call_figures",
    "clause_log",
    "key_masks",
    "logs",
    "metrics",
    "shared_counts",
    "tracing",
    "turn_log",
    "turn_record",
]
