"""Whom the providers' HTTP clients trust: read once, because reading takes some 50 ms of CPU.

Each library would read the same hundred and more certificates again for every client it builds.
"""

from __future__ import annotations

import functools
import ssl

import httpx2


@functools.cache
def trusted() -> ssl.SSLContext:
    """Return what this machine trusts; `SSL_CERT_FILE` and `SSL_CERT_DIR` change it."""
    return httpx2.create_ssl_context()
