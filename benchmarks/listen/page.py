"""Writes `docs/listening.md` from what `make listen ARGS="--record docs/listening.json"` kept."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.listen.row import NEVER

Figures = Mapping[str, Mapping[str, Any]]
"""Name of a tree → the machine, and its rows."""

INTRODUCTION = """# Listening

Does the server listen like a good listener? What follows is counted through the socket of a real
server, with what a microphone would hear; the page is made from what the benchmark keeps.

```sh
make listen                                       # the whole table, a quarter of an hour
make listen ARGS="--only floor,echo --scale 0.3"  # some of it
make listen ARGS="--tree ../another-checkout"     # another server
make listen ARGS="--record docs/listening.json"   # keep the figures, and
make listening-page                               # write this page
make listen ARGS="--counts"                       # what CI does: two minutes, counts alone
```

"""
METHOD = """
`before` is the server as it was when this benchmark was written. What is bold misses its bar. Of
echo, music and noise the bars are for the whole run, which lasts 40 s, two minutes and ten.

## What is heard

`benchmarks/listen/` makes all sound itself, and the same each time: voices of the engines that are
installed (hibari, espeak-ng, Kokoro for Chinese, flite), recordings of people and of flite, noises,
music, bells, laughs and coughs from formulas, rooms as impulse responses, and the echo of what the
server itself says, late, clipped and in rooms.

Each voice and each seed belongs to one of two halves, `tuning` and `held-out`
(`benchmarks/listen/voices.py`). No parameter of the server may be chosen by the half that is held
out, and the table is made of it alone. `--split tuning` is for whoever looks for a parameter.

Where the words are the subject, and not how well they are heard, the recogniser is told them: it
knows a word 200 ms after its end (`benchmarks/listen/server_side/`). Echo, music and laughs are
heard by the recogniser of the embedded stack. The model and, but for echo, the voice are scripted.

* An answer is stopped when its client is made to stop: by `speech_started`, at which stock clients
  stop playing, or by a cancelled response.
* Waits at the end of a turn are those of the audio (`audio_end_ms`), so that a busy machine does
  not count; one row has them by the clock on the wall. Other waits are by the wall, from the first
  sound of the voice on.
* Sound is at −23 dBFS where no level is named, in a room that hisses at −66 dBFS.
* Echo is so many dB below what is played. A person who cannot interrupt because the server has
  stopped for its own voice already counts as one who could not.
* A word was heard if half of it was. The voice of those rows is espeak-ng, word by word, and tells
  the server no times of words; where a row says so, it does.

Synthesisers are not people: they do not hesitate, breathe or mumble. Recorded conversations of
people are the judge in the end.

## Why not everybody over an echo is heard in 500 ms

Of 48 interruptions over an echo of −20 dB (voices for tuning, times of the audio, a free core), 33
stop the answer within 500 ms; 15 would by the voice alone. Of the 15 that do not, 11 begin with
"Okay," or "Yeah,": for half a second they are a back-channel, word for word. The other 4 are said
by espeak-ng, and their first words are not made out in time. The voice begins 120 ms after the
first sound (median; it is soft at first, and an echo may cover it), the recogniser is asked after
224 ms of voice, some 130 ms later, and takes 50 ms of a core. It was 105, and 540 for one look in
ten, before those in the middle of a voice had a window of 4 s and no second look; then 30 of the 48
stopped in time. Asked five times and not three, it tells one more, and twists two more of 60
back-channels into other words. Without the echo in what the recogniser hears, 4 of 48 might be
gained. The rows above are by the clock, of six sessions at once on two cores: who is asked about
last waits for the others.

The words of the back-channels above are told. With what Whisper tiny.en makes of them, 18 of 60 of
the voices for tuning stop an answer (24 if unlikely words counted): most are hums, such as
"mm-hmm", which become "I'm sorry".

## Why pitch does not count

Whether a voice is raised is told by its level alone. The pitch was tried too (autocorrelation,
0.2 ms of CPU a window), on the voices for tuning: 66 back-channels and 50 interruptions, against
the median of the same voice. 320 ms after the onset the median interruption is 3.3 semitones
above it and the median back-channel 0.3, for sentences begin high; but no limit parts them. By
the higher windows (the 80th percentile), 4 back-channels and 26 interruptions are beyond 4
semitones, none and 4 beyond 6. Commands are no higher than back-channels (area under the curve
.51). Together with a level that has not faded, 2 semitones would decide 15 of the 50 sooner, by
96 ms, and no back-channel. 12 of the 15 are of one engine, and people say "oh!" and "really?" in
a high voice, of which there are no recordings to tune by. Words, level and duration decide
without it.
"""


def page(figures: Figures) -> str:
    """Write the page.

    Args:
        figures: In the order of their columns.
    """
    names = list(figures)
    machines = [f"* {name}: {figures[name]['machine']}" for name in names]
    return "\n".join(
        [
            INTRODUCTION + f"| point | what | bar | {' | '.join(names)} |",
            "|---|---|---|" + "---|" * len(names),
            *_lines(figures),
            "",
            "The machine, with two cores:",
            "",
            *machines,
            METHOD,
        ]
    )


def _lines(figures: Figures) -> Sequence[str]:
    by_name = [{row["name"]: row for row in one["rows"]} for one in figures.values()]
    rows = {name: row for one in by_name for name, row in one.items()}
    ordered = sorted(rows.values(), key=lambda row: str(row["point"]))
    return [
        f"| {row['point']} | {row['name']} | {_limit(row)} | "
        + " | ".join(_cell(one.get(row["name"])) for one in by_name)
        + " |"
        for row in ordered
    ]


def _limit(row: Mapping[str, Any]) -> str:
    sign = "≥" if row["at_least"] else "≤"
    return f"{sign} {row['limit']:g} {row['unit']}".strip()


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "–"
    met = row["value"] >= row["limit"] if row["at_least"] else row["value"] <= row["limit"]
    value = "never" if abs(row["value"]) >= NEVER else f"{row['value']:g}"
    text = f"{value} {'' if value == 'never' else _unit(row)}".strip()
    return f"{text if met else f'**{text}**'}, of {row['trials']}"


def _unit(row: Mapping[str, Any]) -> str:
    return row["unit"] if row["unit"] in ("%", "ms") else ""


def main() -> None:
    """Write it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.listen.page")
    parser.add_argument("figures", type=Path, help="what --record has kept")
    parser.add_argument("page", type=Path, help="where the page goes")
    arguments = parser.parse_args()
    figures = json.loads(arguments.figures.read_text(encoding="utf-8"))
    arguments.page.write_text(page(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
