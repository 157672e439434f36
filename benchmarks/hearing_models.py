"""What does a model that hears save? The wait behind a turn, by how slow the recogniser is.

The same words to the same scripted stages, with `llm.audio_input` and without, in turn: from
`speech_stopped` to the first sound of the answer, and as a ratio of the whole waits, from the last
voiced sample on. A model that hears waits for no recogniser, so its figures should not grow with
the recogniser's delay. What the model itself needs to hear is the model's, and not in here; writing
the audio down for it is.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from audio.pcm import read_wav
from benchmarks.caller import MILESTONES, measure
from benchmarks.clip import speech_chunks
from benchmarks.local_server import DESCRIPTION, scripted_server
from benchmarks.voice_latency import QUESTION
from clients.sdk import DEFAULT_MODEL, ClientError, dial, make_client

DELAYS_MS = (50, 300, 600, 1200, 2400)
"""Of the recogniser, behind a turn or a pause."""
TURNS = 5
STOPPED = MILESTONES["input_audio_buffer.speech_stopped"]
FIRST_AUDIO = MILESTONES["response.output_audio.delta"]


@dataclass(frozen=True)
class Wait:
    """Median times to the first audio of an answer, in ms."""

    turn: float
    """From `speech_stopped`."""
    voice: float
    """From the last voiced sample, the silence that ends a turn included."""


def wait(delay_ms: float, *, hears: bool, speculative: bool, turns: int) -> Wait:
    """Measure how long the answer to a turn takes.

    Args:
        delay_ms: How long the recogniser takes behind a turn.
        hears: Whether the model hears, or reads the transcript.
        speculative: Whether the answer may be begun at a pause.
        turns: Turns, of which the first is a warm-up.
    """
    speech = speech_chunks(read_wav(QUESTION))
    with scripted_server(
        STT__OPTIONS=json.dumps({"delay_ms": delay_ms}),
        LLM__AUDIO_INPUT=str(hears).lower(),
        VAD__SPECULATIVE=str(speculative).lower(),
    ) as server:
        client = make_client(server.url, "none")
        measured = asyncio.run(
            measure(lambda: dial(client, DEFAULT_MODEL), 1, turns, speech, server.cpu_seconds)
        )
    waits = [turn.delays_ms() for turn in measured.turns if turn.number > 0]
    return Wait(
        median(delays[FIRST_AUDIO] - delays[STOPPED] for delays in waits),
        median(delays[FIRST_AUDIO] for delays in waits),
    )


def run(turns: int) -> list[dict[str, float | bool]]:
    """Measure all, and print a table."""
    print(f"{DESCRIPTION}; but the recogniser's delay varies. Median ms from speech_stopped to the")
    print("first sound, and the ratio of the whole waits, from the last voiced sample on.\n")
    print(f"{'recogniser':>12}{'speculative':>13}{'reads':>9}{'hears':>9}{'ratio':>8}")
    figures: list[dict[str, float | bool]] = []
    for speculative in (True, False):
        for delay in DELAYS_MS:
            reads, hears = (
                wait(delay, hears=hears, speculative=speculative, turns=turns)
                for hears in (False, True)
            )
            told = "yes" if speculative else "no"
            ratio = hears.voice / reads.voice
            row = f"{delay:>9} ms{told:>13}{reads.turn:>9.0f}{hears.turn:>9.0f}{ratio:>8.2f}"
            print(row, flush=True)
            figures.append(
                {
                    "recogniser_ms": delay,
                    "speculative": speculative,
                    "reads_ms": reads.turn,
                    "hears_ms": hears.turn,
                    "ratio_from_voice": ratio,
                }
            )
    return figures


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.hearing_models",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--turns", type=int, default=TURNS, help="the first is a warm-up")
    parser.add_argument("--json", metavar="FILE", help="save the figures")
    arguments = parser.parse_args(argv)
    try:
        figures = run(max(arguments.turns, 2))
    except ClientError as error:
        raise SystemExit(f"error: {error}") from None
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
