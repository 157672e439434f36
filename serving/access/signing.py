"""Keys to sign with: one for each purpose, the same in all processes that trust each other."""

from __future__ import annotations

import hmac
import multiprocessing

from pydantic import SecretStr


def signing_key(secret: SecretStr | None, purpose: bytes) -> bytes:
    """Derive a key.

    Args:
        secret: `server.secret`, for all servers that share it; None: a random one, for this process
            and those that were started together with it (`serving/process/workers.py`,
            `uvicorn --workers`).
        purpose: What is signed: what was signed for one purpose proves nothing for another.
    """
    # Python makes a random key per process, and hands its own to the processes it starts.
    own = bytes(multiprocessing.current_process().authkey)
    material = secret.get_secret_value().encode() if secret else own
    return hmac.digest(material, purpose, "sha256")
