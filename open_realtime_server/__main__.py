"""`python -m open_realtime_server` is `open-realtime-server`."""

from __future__ import annotations

from open_realtime_server import serve

# The processes of --workers import this module too.
if __name__ == "__main__":
    serve()
