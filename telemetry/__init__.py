"""What an operator sees of the server: log lines, counts, traces, and how late its loop runs.

Other wings may enter by the modules in `__all__`.
"""

__all__ = ["logs", "metrics", "shared_counts", "tracing", "turn_log"]
