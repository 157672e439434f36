"""The fleet on paper: its page, the figures that go in, and the arithmetic."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from random import Random

import openai
import pytest

from audio.pcm import silence
from benchmarks.crowd import append_frames
from benchmarks.fleet import figures as known
from benchmarks.fleet.clients import LIMIT_S, Talk, delay_before
from benchmarks.fleet.drains import cut, ends, lasts
from benchmarks.fleet.erlang import load_for, units_for, waiting, waiting_longer
from benchmarks.fleet.figures import Figure, Origin, all_figures
from benchmarks.fleet.page import TABLES, written
from benchmarks.fleet.pools import simulate, spread
from benchmarks.fleet.sizing import pods_for, session_cpu, size
from benchmarks.fleet.table import number, percent, seconds
from config import LimitsConfig, ServerConfig
from settings.model_server import ModelServerConfig
from tests.support.places import ROOT

pytestmark = pytest.mark.long

PAGE = ROOT / "docs" / "scaling.md"
CHART = ROOT / "deploy" / "kubernetes"


def fleet(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.fleet", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


class TestThePage:
    def test_it_says_what_the_simulation_finds(self) -> None:
        text = PAGE.read_text(encoding="utf-8")
        assert written(text) == text, "run make scaling-page, and read what it changed"

    def test_a_place_that_nothing_fills_is_named(self) -> None:
        with pytest.raises(ValueError, match="nothing makes moons"):
            written("<!-- fleet: moons --><!-- /fleet -->")

    def test_a_table_without_a_place_is_named(self) -> None:
        with pytest.raises(ValueError, match=r"no place for balance, .*inputs"):
            written("<!-- fleet: sizes -->\n<!-- /fleet -->")

    def test_a_table_is_printed_by_its_name(self) -> None:
        result = fleet("machines")
        assert result.stdout == f"machines\n\n{TABLES['machines']()}\n\n"
        assert "| 16 |" in result.stdout

    def test_an_unknown_name_is_refused(self) -> None:
        result = fleet("moons")
        assert result.returncode == 2
        assert "no table is called moons; there are machines, sizes" in result.stderr

    def test_a_page_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        result = fleet("--page", str(tmp_path / "none.md"))
        assert result.returncode == 1
        assert result.stderr.startswith(f"{tmp_path / 'none.md'}: ")
        assert "Traceback" not in result.stderr


class TestTheFigures:
    @pytest.mark.parametrize("figure", all_figures(), ids=lambda one: one.what)
    def test_what_is_not_assumed_has_a_source(self, figure: Figure) -> None:
        assert figure.source or figure.origin is Origin.ASSUMED

    def test_files_that_they_name_are_there(self) -> None:
        named = {
            name for one in all_figures() for name in re.findall(r"\]\((\S+\.md)\)", one.source)
        }
        assert named == {"performance.md", "quality.md"}
        assert all((ROOT / "docs" / name).exists() for name in named)

    def test_settings_are_the_servers_own(self) -> None:
        server, limits = ServerConfig(), LimitsConfig()
        assert known.SESSION_LIMIT.value == server.session_limit_minutes
        assert known.PING.value == limits.ping_interval_s
        assert known.PONG.value == limits.ping_timeout_s
        assert known.QUEUE.value == ModelServerConfig().queue
        # 24 kHz, 16 bits, for as long as audio is kept.
        assert known.KEPT_MB.value == server.kept_audio_minutes * 60 * 48_000 / 1e6

    def test_settings_of_the_chart_are_the_charts(self) -> None:
        values = (CHART / "values.yaml").read_text(encoding="utf-8")
        at_most, on_average = re.findall(r"^ *sessionsPerPod: (\d+)$", values, re.MULTILINE)
        assert (known.PLACES.value, known.PLANNED.value) == (int(at_most), int(on_average))
        assert f"scaleDownPercent: {100 * known.SCALE_DOWN.value:.0f}\n" in values
        assert f"preStopSeconds: {known.PRE_STOP.value}\n" in values
        assert f"interval: {known.SCRAPE.value}s\n" in values
        deployment = (CHART / "templates" / "deployment.yaml").read_text(encoding="utf-8")
        assert f"minReadySeconds: {known.MIN_READY.value}\n" in deployment
        assert f'ternary 1 "{100 * known.SURGE.value:.0f}%"' in deployment
        scaling = (CHART / "templates" / "autoscaling.yaml").read_text(encoding="utf-8")
        assert f"stabilizationWindowSeconds: {known.SCALE_DOWN_AFTER.value}\n" in scaling

    def test_clients_come_back_as_the_sdk_does(self) -> None:
        connect = inspect.signature(openai.AsyncOpenAI(api_key="-").realtime.connect)
        defaults = {name: one.default for name, one in connect.parameters.items()}
        assert known.RECONNECT_FIRST.value == defaults["initial_delay"]
        assert known.RECONNECT_MOST.value == defaults["max_delay"]
        assert known.RECONNECT_TRIES.value == defaults["max_retries"]

    def test_an_append_is_as_long_as_the_benchmarks_are(self) -> None:
        assert {len(one) for one in append_frames(silence(100))} == {known.APPEND_BYTES.value}


class TestErlang:
    @pytest.mark.parametrize(("places", "offered", "share"), [(1, 0.4, 0.4), (2, 1.0, 1 / 3)])
    def test_few_places_by_hand(self, places: int, offered: float, share: float) -> None:
        assert waiting(places, offered) == pytest.approx(share)

    def test_more_calls_than_places_all_wait(self) -> None:
        assert waiting(4, 4.0) == waiting_longer(4, 5.0, 1, 1) == 1

    @pytest.mark.parametrize(("places", "load"), [(2, 0.12), (8, 0.52), (64, 0.89)])
    def test_large_pools_may_be_fuller(self, places: int, load: float) -> None:
        assert load_for(places, 100, 200) == pytest.approx(load, abs=0.005)

    @pytest.mark.parametrize("offered", [0.1, 3.0, 70.0, 900.0])
    def test_machines_are_enough_and_no_more(self, offered: float) -> None:
        units = units_for(offered, 8, 0.1, 0.2, load=0.65)

        def enough(count: int) -> bool:
            return (
                offered / (8 * count) <= 0.65
                and waiting_longer(8 * count, offered, 0.1, 0.2) <= 0.01
            )

        assert enough(units)
        assert units == 1 or not enough(units - 1)


class TestPools:
    @pytest.mark.parametrize(("places", "load"), [(1, 0.1), (4, 0.5), (8, 0.6), (16, 0.7)])
    def test_the_simulation_agrees_with_the_formula(self, places: int, load: float) -> None:
        found = simulate(places, load, wait=100, call=200, calls=100_000).late
        assert found == pytest.approx(waiting_longer(places, load * places, 100, 200), rel=0.25)

    def test_calls_that_are_alike_wait_less(self) -> None:
        random = simulate(8, 0.7, wait=100, call=200, calls=20_000)
        alike = simulate(8, 0.7, wait=100, call=200, calls=20_000, alike=True)
        assert alike.late < random.late / 2

    def test_a_bound_refuses_what_is_too_much_and_spares_the_rest(self) -> None:
        """Of half as much again as can be done, a third cannot be done."""
        bound = simulate(8, 1.5, wait=100, call=200, calls=20_000, queue=4)
        endless = simulate(8, 1.5, wait=100, call=200, calls=20_000)
        assert bound.refused == pytest.approx(1 / 3, abs=0.03)
        assert endless.refused == 0
        assert bound.late < 0.3 < 0.9 < endless.late

    def test_one_server_is_one_line(self) -> None:
        alone = spread(1, 8, 0.7, choices=1, wait=100, call=200)
        assert alone == pytest.approx(waiting_longer(8, 5.6, 100, 200), rel=0.15)

    def test_who_looks_for_the_less_busy_waits_less(self) -> None:
        looked, chance = (spread(8, 8, 0.65, choices=n, wait=100, call=200) for n in (2, 1))
        assert looked < chance / 10


class TestSizes:
    def test_ten_thousand_by_hand(self) -> None:
        one = size(10_000)
        assert one.pods == -(-10_000 // known.PLANNED.value)
        assert one.gateway_load == pytest.approx(10_000 / one.pods * session_cpu() / 1000)
        assert one.mbit_in == pytest.approx(10_000 * 50 * 1338 * 8 / 1e6)
        # Each second 300 turns are heard per 1,000 sessions, 560 of which a GPU hears, at 65 %.
        assert one.streaming_gpus == 9
        # 30 s of audio for each turn, begun 1.3 times every 10 s.
        assert one.whisper_gpus == -(-1300 * 30 // (404 * 0.65))

    def test_a_gateway_stays_below_what_was_measured(self) -> None:
        assert known.PLANNED.value < known.SESSIONS_PER_SLOW_CORE.value
        assert known.PLACES.value < known.SESSIONS_PER_CORE.value
        assert all(size(sessions).gateway_load < 0.65 for sessions in (100, 1000, 10_000))

    def test_a_million_cost_a_session_what_ten_thousand_do(self) -> None:
        few, many = size(10_000), size(1_000_000)
        assert many.small_voice_dollars == pytest.approx(few.small_voice_dollars, rel=0.05)
        assert few.fleet_dollars < few.small_dollars < few.large_voice_dollars

    def test_nobody_is_served_by_one_gateway_alone(self) -> None:
        assert pods_for(1) == 2


class TestClients:
    def test_those_who_are_there_go_on_as_long_as_anybody(self) -> None:
        """An exponential distribution remembers nothing."""
        left = Talk(300).left(40_000, Random(1))
        for limit, share in ((60, 0.82), (300, 0.37), (600, 0.135)):
            assert sum(one > limit for one in left) / len(left) == pytest.approx(share, abs=0.01)

    @pytest.mark.parametrize("talk", [Talk(900), Talk(300, tail=1.35)])
    def test_the_time_limit_holds(self, talk: Talk) -> None:
        chance = Random(2)
        assert max(talk.draw(chance) for _ in range(5000)) == LIMIT_S
        assert max(talk.left(5000, chance)) <= LIMIT_S

    def test_half_of_a_long_tail_is_short(self) -> None:
        chance = Random(3)
        lengths = sorted(Talk(300, tail=1.35).draw(chance) for _ in range(20_000))
        assert lengths[10_000] == pytest.approx(120, rel=0.05)

    def test_they_come_back_later_each_time_and_give_up(self) -> None:
        delays = [delay_before(attempt, Random(4)) for attempt in range(1, 7)]
        assert delays.pop() is None
        for delay, base in zip(delays, (0.5, 1, 2, 4, 8), strict=True):
            assert delay is not None
            assert 0.75 * base <= delay <= base

    def test_a_drain_that_lasts_as_long_as_a_session_may_cuts_none(self) -> None:
        left = ends(Talk(900), 20, 50)
        assert cut(left, 0) == 1
        assert 0 < cut(left, 1800) < cut(left, 600) < 1
        assert cut(left, LIMIT_S) == 0
        assert lasts(left, 60) == 60 < lasts(left, LIMIT_S) < LIMIT_S


@pytest.mark.parametrize(
    ("written_as", "text"),
    [
        (number(1234.5), "1,234"),
        (number(9.96), "10"),
        (number(0.054), "0.054"),
        (number(2.04), "2.0"),
        (percent(0), "0 %"),
        (percent(0.0001), "< 0.1 %"),
        (percent(0.0123), "1.2 %"),
        (percent(1.12), "112 %"),
        (seconds(40.2), "40 s"),
        (seconds(350), "6 min"),
    ],
)
def test_numbers_are_short_and_never_hide_something(written_as: str, text: str) -> None:
    assert written_as == text
