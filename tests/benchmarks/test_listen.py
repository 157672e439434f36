"""The benchmark of listening: what its sounds are, what its caller does, and its page."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bar import Bar
from benchmarks.listen.caller import Player
from benchmarks.listen.counts import PROMISED, broken
from benchmarks.listen.mouth import MOUTH
from benchmarks.listen.noises import MUSICAL, STEADY, SUDDEN, noise
from benchmarks.listen.page import page
from benchmarks.listen.phrases import NUMBERS, UNFINISHED, cut_off, grouped
from benchmarks.listen.rooms import Echo, EchoPath
from benchmarks.listen.row import NEVER, Row, least, middle, most
from benchmarks.listen.server_side.word_tts import word_audio, word_times
from benchmarks.listen.sound import (
    RATE,
    at_level,
    count,
    from_pcm,
    joined,
    length_ms,
    level_dbfs,
    silence,
)
from benchmarks.listen.voices import SEEDS, voices
from tests.support.places import ROOT

PATH = EchoPath(-20, 150, room_seed=3)


@pytest.mark.parametrize("kind", [*STEADY, *SUDDEN, *MUSICAL])
def test_a_noise_is_the_same_for_a_seed_and_as_loud_as_told(kind: str) -> None:
    made = noise(kind, 4, seed=5, dbfs=-40)
    assert np.array_equal(made, noise(kind, 4, seed=5, dbfs=-40))
    assert not np.array_equal(made, noise(kind, 4, seed=6, dbfs=-40))
    assert len(made) == 4 * RATE
    assert level_dbfs(made) == pytest.approx(-40, abs=1.5)


@pytest.mark.parametrize("kind", MOUTH)
def test_sounds_of_mouths_differ_by_their_seed(kind: str) -> None:
    made = [MOUTH[kind](seed) for seed in range(4)]
    assert len({sound.tobytes() for sound in made}) == 4
    assert all(20 < length_ms(sound) < 4000 for sound in made)


def test_no_voice_is_both_for_tuning_and_held_out() -> None:
    tuning, held_out = (
        {voice.name for language in ("en", "zh") for voice in voices(split, language)}
        for split in ("tuning", "held-out")
    )
    assert tuning
    assert held_out
    assert not tuning & held_out
    assert abs(SEEDS["tuning"] - SEEDS["held-out"]) >= 1000


def test_words_of_a_number_end_before_its_pauses() -> None:
    said = grouped(voices("tuning")[0], NUMBERS[0], 700)
    ends = [end for _word, end in said.words]
    assert [word for word, _end in said.words] == " ".join(NUMBERS[0]).split()
    assert ends == sorted(ends)
    assert ends[-1] == pytest.approx(said.ms, abs=1)
    # Behind the last word of a group comes the pause, and then the next word.
    assert sum(later - earlier > 700 for earlier, later in pairwise(ends)) == len(NUMBERS[0]) - 1


def test_an_unfinished_sentence_is_cut_out_of_a_longer_one() -> None:
    voice = voices("tuning")[0]
    said = cut_off(voice, UNFINISHED[0])
    whole = voice.say(f"{UNFINISHED[0]} seventeen more")
    assert said.ms < length_ms(whole)
    assert np.array_equal(said.samples[:RATE], whole[:RATE])


def test_echo_is_late_and_softer_by_as_much_as_told() -> None:
    sound = at_level(np.random.default_rng(0).normal(0, 1, RATE), -20)
    dry = EchoPath(-12, 80).heard(joined(sound, silence(80)))
    assert not dry[: count(80)].any()
    assert np.allclose(dry[count(80) :], sound * 10 ** (-12 / 20), atol=1e-6)


def test_echo_is_the_same_piece_by_piece() -> None:
    sound = joined(voices("tuning")[0].say("Hello there."), silence(600))
    path = Echo(PATH)
    pieces = [path.take(sound[at : at + 480]) for at in range(0, len(sound), 480)]
    assert np.allclose(joined(*pieces), PATH.heard(sound), atol=1e-6)


def test_a_clipped_loudspeaker_plays_no_louder_than_it_can() -> None:
    sound = at_level(np.random.default_rng(0).normal(0, 1, RATE), -10)
    assert np.abs(EchoPath(0, 0, clip=0.1).heard(sound)).max() <= 0.1


def test_a_player_knows_what_was_heard_of_which_item() -> None:
    player = Player()
    player.queue += [("one", np.ones(count(100), np.float32))]
    player.queue += [("two", np.full(count(100), 0.5, np.float32))]
    assert player.take(count(150))[-1] == 0.5
    assert player.stop() == ("two", 50)
    assert not player.take(count(20)).any()
    assert player.stop() is None


def test_words_of_the_voice_of_the_server_lie_where_their_times_say() -> None:
    text = "Well, it costs 1,250 dollars. Good."
    times = asyncio.run(word_times(text))

    async def whole() -> bytes:
        return b"".join([await word_audio(word) for word in text.split()])

    sound = from_pcm(asyncio.run(whole()))
    assert len(times) == len(text.split())
    for begin, end in times:
        assert np.abs(sound[count(begin) : count(end)]).max() > 0.05
    for (_begin, end), (begin, _end) in pairwise(times):
        assert not sound[count(end) + 1 : count(begin) - 1].any()


def test_rows_judge_shares_and_waits() -> None:
    assert most("1", "few", 10, [False] * 9 + [True]).bar.met
    assert not most("1", "few", 10, [False, True]).bar.met
    assert least("1", "many", 95, [True] * 20).bar.met
    assert middle("1", "wait", 400, [100, 300, None]).bar.value == 300
    assert middle("1", "wait", 400, [None, None, 10]).bar.value == NEVER


def test_a_promise_that_was_not_measured_is_not_kept() -> None:
    names = [name for part in PROMISED.values() for name in part.bars]
    kept = [Row("1", Bar(name, 0, 0, "", at_least=True), 3) for name in names]
    assert broken(kept) == []
    assert broken(kept[1:]) == [f"{names[0]}: it was not measured"]


def test_what_is_promised_is_in_the_table() -> None:
    figures = json.loads((ROOT / "docs" / "listening.json").read_text(encoding="utf-8"))
    shown = {row["name"] for one in figures.values() for row in one["rows"]}
    assert {name for part in PROMISED.values() for name in part.bars} <= shown


def test_the_page_is_made_of_the_figures_that_are_kept() -> None:
    docs = ROOT / "docs"
    figures = json.loads((docs / "listening.json").read_text(encoding="utf-8"))
    assert (docs / "listening.md").read_text(encoding="utf-8") == page(figures)


def test_the_page_shows_what_was_before_and_what_is_missed() -> None:
    before = Row("1 interruptions", Bar("back-channels", 100, 10, "%"), 40).kept()
    now = Row("1 interruptions", Bar("back-channels", 5, 10, "%"), 40).kept()
    written = page(
        {"before": {"machine": "a", "rows": [before]}, "now": {"machine": "b", "rows": [now]}}
    )
    assert "| 1 interruptions | back-channels | ≤ 10 % | **100 %**, of 40 | 5 %, of 40 |" in written


def test_files_are_listened_to_and_kept(tmp_path: Path) -> None:
    figures = tmp_path / "listening.json"
    command = [sys.executable, "-m", "benchmarks.listen", "--only", "files", "--name", "here"]
    command += ["--split", "tuning", "--record", str(figures)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert "6 turns in one append" in done.stdout, done.stderr
    (rows,) = (one["rows"] for one in json.loads(figures.read_text(encoding="utf-8")).values())
    found = {row["name"]: row["value"] for row in rows}
    assert found["of 6 turns in one append, those found"] == 100
    assert found["files that get an answer"] == 100
