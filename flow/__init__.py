"""Queues and bounds between a client, its session and its pipelines.

Other wings may enter by the modules in `__all__`.
"""

__all__ = ["append_pace", "file_pace", "outbox", "steps", "watchdog", "work_queue"]
