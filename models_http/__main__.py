"""`python -m models_http`, or `open-realtime-models`, serves the recogniser and the voice."""

from __future__ import annotations

if __name__ == "__main__":
    from settings.first_signal import heed_first_signal

    heed_first_signal()

from settings.installation import missing_library

try:
    from loguru import logger

    # Pipecat logs a greeting at import; `configure_logging` enables its log again for debug.
    logger.disable("pipecat")

    from models_http.command import main
except ModuleNotFoundError as missing:
    raise SystemExit(missing_library(missing.name)) from None

if __name__ == "__main__":
    main()
