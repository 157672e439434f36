"""`python -m recordings`, or `open-realtime-recordings`, shows what a server has recorded."""

from __future__ import annotations

from settings.installation import missing_library

try:
    from recordings.command import main
except ModuleNotFoundError as missing:
    raise SystemExit(missing_library(missing.name)) from None

if __name__ == "__main__":
    raise SystemExit(main())
