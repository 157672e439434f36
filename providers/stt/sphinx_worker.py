"""One pocketsphinx recogniser in a process of its own: `python sphinx_worker.py`.

pocketsphinx holds Python's global lock while it decodes, so a server that ran it in a thread would
stutter. This program runs it instead, one turn after another, and imports little to start fast.

Standard input: messages of a header (`HEADER`: kind, turn number, length) and a payload.

| kind      | payload                                   | meaning                                |
|-----------|-------------------------------------------|----------------------------------------|
| `START`   | cepstral mean as text; empty: the default | a turn begins; its number is a new one |
| `AUDIO`   | 16-bit mono PCM at 16 kHz                 | the turn goes on                       |
| `END`     |                                           | the turn is over: send `final`         |
| `ABANDON` |                                           | nobody wants the turn: drop it, and    |
|           |                                           | what is still to be decoded of it      |

Standard output: a JSON object per line, `{"type": …, "turn": …}` with

- `ready` once, when the model is loaded (turn 0),
- `interim` with `text`, about every 0.4 s of audio if it changed,
- `final` with `text` and `mean`, to start the same speaker's next turn with,
- `error` with `message`; turn 0: the recogniser cannot be used at all.

At the end of its input the program ends at once, so it cannot outlive the server.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import struct
import sys
import threading
from contextlib import suppress
from typing import Any, BinaryIO

HEADER = struct.Struct("<cII")
START, AUDIO, END, ABANDON = b"S", b"A", b"E", b"X"

_STEP_BYTES = 3200
"""Bytes decoded between two checks for an `ABANDON`: 100 ms."""
_INTERIM_BYTES = 12800
"""Bytes between two interim results: 400 ms."""
_DEFAULT_MEAN = "41.00,-5.29,-0.12,5.09,2.48,-4.07,-1.37,-1.78,-5.08,-2.05,-6.45,-1.42,1.17"
"""Cepstral mean of speech at a usual level; with the decoder's default, a first turn loses words.
"""


class Inbox:
    """Messages from standard input, read ahead so that an `ABANDON` overtakes the audio."""

    def __init__(self, stream: BinaryIO) -> None:
        """Read `stream` on a thread of its own."""
        self._stream = stream
        self._messages: queue.SimpleQueue[tuple[bytes, int, bytes]] = queue.SimpleQueue()
        self._abandoned = 0
        threading.Thread(target=self._read, daemon=True).start()

    def get(self) -> tuple[bytes, int, bytes]:
        """Wait for the next message: kind, turn, payload."""
        return self._messages.get()

    def abandoned(self, turn: int) -> bool:
        """Whether the turn has been abandoned."""
        return turn <= self._abandoned

    def _read(self) -> None:
        while len(header := self._stream.read(HEADER.size)) == HEADER.size:
            kind, turn, length = HEADER.unpack(header)
            payload = self._stream.read(length)
            if kind == ABANDON:
                # Turn numbers only grow, and a new turn begins after the one before has ended.
                self._abandoned = turn
            else:
                self._messages.put((kind, turn, payload))
        # The server is gone: exit even while a decoding is under way.
        os._exit(0)


class Listener:
    """Decodes one turn at a time."""

    def __init__(self, decoder: Any, inbox: Inbox, output: BinaryIO) -> None:
        """Decode what comes through `inbox` and write results to `output`."""
        self._decoder = decoder
        self._inbox = inbox
        self._output = output
        self._turn = 0
        self._text = ""
        self._unreported = 0

    def handle(self, kind: bytes, turn: int, payload: bytes) -> None:
        """Act on one message."""
        try:
            if kind == START:
                self._start(turn, payload.decode() or _DEFAULT_MEAN)
            elif turn != self._turn:
                # The rest of a turn that was abandoned or has failed.
                return
            elif kind == AUDIO:
                self._hear(payload)
            elif kind == END:
                self._end()
        # Whatever the decoder raises fails this turn only; the next one starts afresh.
        except Exception as error:
            with suppress(Exception):
                self._stop()
            self.report("error", turn, message=str(error) or repr(error))

    def report(self, kind: str, turn: int, **fields: str) -> None:
        """Write one result."""
        line = json.dumps({"type": kind, "turn": turn, **fields}) + "\n"
        try:
            self._output.write(line.encode())
            self._output.flush()
        except OSError:
            # The server is gone.
            os._exit(0)

    def _start(self, turn: int, mean: str) -> None:
        self._stop()
        self._turn, self._text, self._unreported = turn, "", 0
        self._decoder.set_cmn(mean)
        self._decoder.start_utt()

    def _hear(self, pcm: bytes) -> None:
        for start in range(0, len(pcm) & ~1, _STEP_BYTES):
            if self._inbox.abandoned(self._turn):
                self._stop()
                return
            step = pcm[start : start + _STEP_BYTES]
            self._decoder.process_raw(step[: len(step) & ~1])
            self._unreported += len(step)
            if self._unreported >= _INTERIM_BYTES:
                self._unreported = 0
                text = self._hypothesis()
                if text != self._text:
                    self._text = text
                    self.report("interim", self._turn, text=text)

    def _end(self) -> None:
        turn = self._turn
        self._stop()
        if not self._inbox.abandoned(turn):
            mean = self._decoder.get_cmn(False)
            self.report("final", turn, text=self._hypothesis(), mean=mean)

    def _stop(self) -> None:
        """End the decoder's utterance, if one is under way."""
        if self._turn:
            self._turn = 0
            self._decoder.end_utt()

    def _hypothesis(self) -> str:
        found = self._decoder.hyp()
        return found.hypstr.strip() if found else ""


def main() -> None:
    """Load the model, then serve until standard input ends."""
    # Ctrl-C in a terminal reaches the whole process group; the server ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    inbox = Inbox(sys.stdin.buffer)
    # Only results go to the pipe; what a library prints goes to standard error.
    output = os.fdopen(os.dup(1), "wb")
    with suppress(OSError):
        os.dup2(2, 1)
    try:
        from pocketsphinx import Decoder

        decoder = Decoder(fwdflat=False, loglevel="FATAL")
    except Exception as error:
        Listener(None, inbox, output).report("error", 0, message=f"{type(error).__name__}: {error}")
        # Not `return`: the interpreter cannot shut down while the inbox thread is reading.
        os._exit(1)
    listener = Listener(decoder, inbox, output)
    listener.report("ready", 0)
    while True:
        listener.handle(*inbox.get())


if __name__ == "__main__":
    main()
