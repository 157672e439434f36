"""llama.cpp with one model, in a process of its own: `python llama_worker.py`.

A fault of its native code, or a model that takes all memory, ends this process and not the server,
and what it computes holds up no event loop. It serves OpenAI's API on loopback, to whoever has the
key that the server made for it.

Standard input: one JSON object of `Setup`'s fields, then nothing. At the end of its input the
program ends at once, so it cannot outlive the server.

Standard output: one JSON object, `{"address": …, "context_tokens": …}`, when the model is loaded.
What llama.cpp says of a model that cannot be loaded is on standard error.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import urllib.request
from typing import Any, TypedDict

PARALLEL = 4
"""Answers that are made at the same time, and conversations whose prompts are kept."""
_ERRORS = 1
"""llama.cpp's verbosity: what goes wrong, and nothing of what is said."""


class Setup(TypedDict):
    """What the server asks for."""

    model: str
    """Path of the GGUF file."""
    name: str
    """What the model is called in requests."""
    key: str
    """API key that requests need."""
    context_tokens: int
    threads: int
    gpu_layers: int
    """Layers on the graphics card; -1: as many as it has room for."""


def main() -> None:
    """Load the model, then serve until standard input ends."""
    # Ctrl-C in a terminal reaches the whole process group; the server ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    setup: Setup = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    # Only the report goes to the pipe; what a library prints goes to standard error.
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        server, told = _serve(setup)
    except Exception as error:
        # An orderly end, in which llama.cpp's own thread still writes what was wrong.
        raise SystemExit(f"{type(error).__name__}: {error}") from None
    print(json.dumps(told), file=report, flush=True)
    while server:
        threading.Event().wait()


def _serve(setup: Setup) -> tuple[Any, dict[str, Any]]:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = setup["model"]
    params.model_alias = {setup["name"]}
    params.api_keys = [setup["key"]]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.ui = False
    params.cors_origins = ""
    params.endpoint_slots = False
    params.offline = True
    params.hf_token = ""
    params.verbosity = _ERRORS
    params.n_ctx = setup["context_tokens"]
    params.n_gpu_layers = setup["gpu_layers"]
    params.cpuparams.n_threads = setup["threads"]
    params.cpuparams_batch.n_threads = setup["threads"]
    params.n_parallel = PARALLEL
    params.kv_unified = True
    # Its default keeps up to 8 GiB of prompts beside those of the conversations that go on.
    params.cache_ram_mib = 0
    # Nobody hears thoughts, and they delay what is said.
    params.enable_reasoning = 0
    server = xllamacpp.Server(params)
    address = server.listening_address
    return server, {"address": address, "context_tokens": _context(address, setup["key"])}


def _context(address: str, key: str) -> int:
    """Return the tokens that a conversation may have: no more than the model was trained for."""
    request = urllib.request.Request(f"{address}/props", headers={"Authorization": f"Bearer {key}"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        return int(json.load(answer)["default_generation_settings"]["n_ctx"])


def _end_with_input() -> None:
    # Not by `sys.stdin`, whose lock would keep the interpreter from shutting down.
    while os.read(0, 4096):
        pass
    # The server is gone: exit even while an answer is being made.
    os._exit(0)


if __name__ == "__main__":
    main()
