"""The simulated fleet: pods fill, drain, die and are added as they would be."""

from __future__ import annotations

from statistics import fmean

import pytest

from benchmarks.fleet import figures as known
from benchmarks.fleet.autoscaler import Autoscaler, Pace, by_pods, by_sum
from benchmarks.fleet.balance import spread_of
from benchmarks.fleet.clients import Talk
from benchmarks.fleet.deployment import Deployment
from benchmarks.fleet.gateways import Fleet, at_random, fewest, of_two
from benchmarks.fleet.losses import cells, lose, one_zone
from benchmarks.fleet.records import State
from benchmarks.fleet.runs import run
from benchmarks.fleet.surges import longest, surge
from benchmarks.fleet.updates import update

PLACES = int(known.PLACES.value)


class TestFleets:
    def test_as_many_are_there_as_come_and_stay(self) -> None:
        fleet = Fleet(4, sessions=200, seed=1)
        seen: list[int] = []
        fleet.steady(200, 3600)
        fleet.every(30, lambda: seen.append(fleet.open_sessions))
        fleet.run(3600)
        assert fmean(seen) == pytest.approx(200, rel=0.07)
        assert fleet.counts.turned_away == fleet.counts.cut == 0

    def test_a_seed_makes_the_same_fleet_again(self) -> None:
        def result(seed: int) -> list[float]:
            fleet = Fleet(3, sessions=290, seed=seed)
            fleet.steady(310, 300)
            fleet.run(300)
            return [fleet.open_sessions, fleet.counts.placed, *fleet.counts.waits]

        assert result(7) == result(7) != result(8)

    def test_nobody_is_put_into_a_pod_that_is_full(self) -> None:
        fleet = Fleet(2, sessions=2 * PLACES, talk=Talk(1e9), seed=2)
        fleet.arrivals(lambda _now: 1.0, 60)
        fleet.run(120)
        counts = fleet.counts
        assert counts.busiest == PLACES
        assert 2 * PLACES - 10 < fleet.open_sessions <= 2 * PLACES
        assert counts.refused >= counts.gave_up > 30
        # Each comes once and five times again, and asks three pods each time.
        assert counts.turned_away >= 6 * counts.gave_up
        assert counts.full >= 3 * counts.turned_away

    def test_a_pod_that_drains_keeps_its_own_and_takes_no_others(self) -> None:
        fleet = Fleet(2, sessions=100, seed=3)
        pod, other = fleet.pods
        there = set(pod.sessions)
        fleet.steady(60, 600)
        fleet.drain(pod, 300)
        fleet.run(200)
        assert pod.state is State.DRAINING
        assert pod.sessions
        assert pod.sessions < there
        assert fleet.counts.cut == 0
        left = len(pod.sessions)
        fleet.run(fleet.now + 110)
        assert fleet.pods == [other]
        assert 0 < fleet.counts.cut <= left
        assert fleet.counts.cut == len(fleet.counts.returns)

    def test_a_pod_that_has_drained_ends_at_once(self) -> None:
        fleet = Fleet(2, sessions=2, talk=Talk(30), seed=4)
        fleet.drain(fleet.pods[0], 3600)
        fleet.run(900)
        assert len(fleet.pods) == 1
        assert fleet.counts.cut == 0

    def test_clients_of_a_pod_that_died_go_on_elsewhere(self) -> None:
        fleet = Fleet(3, sessions=150, talk=Talk(1e9), seed=5)
        gone = fleet.pods[0]
        fleet.kill(gone)
        assert gone.sessions == set()
        fleet.run(1.0)
        assert fleet.counts.cut == len(fleet.counts.returns) == 50
        assert fleet.open_sessions == 150
        assert {len(pod.sessions) for pod in fleet.pods if pod is not gone} != {75, 0}
        assert max(fleet.counts.returns) <= 0.6

    def test_a_balancer_that_does_not_know_sends_clients_to_the_dead(self) -> None:
        fleet = Fleet(2, sessions=20, choose=at_random, seed=6)
        fleet.kill(fleet.pods[0], known_after=50)
        fleet.steady(20, 100)
        fleet.run(49)
        in_vain = fleet.counts.full
        fleet.run(51)
        known_now = fleet.counts.full
        fleet.run(100)
        assert 0 < in_vain <= known_now == fleet.counts.full

    def test_a_new_pod_takes_its_time(self) -> None:
        fleet = Fleet(1, start_s=16, seed=7)
        pod = fleet.add()
        fleet.run(15.9)
        assert pod not in fleet.ready()
        fleet.run(16)
        assert pod in fleet.ready()

    def test_a_new_pod_waits_for_a_node(self) -> None:
        fleet = Fleet(2, start_s=16, room=2, seed=8)
        pod = fleet.add()
        fleet.run(100)
        assert pod not in fleet.ready()
        assert fleet.running == 2
        fleet.drain(fleet.pods[0], 3600)
        fleet.run(117)
        assert pod in fleet.ready()

    def test_pods_are_spread_over_zones(self) -> None:
        fleet = Fleet(7, zones=3)
        assert sorted(pod.zone for pod in fleet.pods) == [0, 0, 0, 1, 1, 2, 2]

    def test_who_counts_sessions_balances_better(self) -> None:
        widths = []
        for choose in (at_random, of_two, fewest):
            seen, _ = spread_of(choose, 50)
            widths.append(max(seen) - min(seen))
        assert widths == sorted(widths, reverse=True)
        assert widths[0] > 2 * widths[2]


class TestWishes:
    def test_pods_above_the_target(self) -> None:
        """The example of Kubernetes' own pages: 50 pods at 90, where 75 are aimed at."""
        assert by_pods([90.0] * 50, 0, 50, 50, 75) == 60

    @pytest.mark.parametrize("load", [68.0, 75.0, 82.0])
    def test_a_tenth_is_overlooked(self, load: float) -> None:
        assert by_pods([load] * 10, 0, 10, 10, 75) == 10
        assert by_sum(10 * load, 10, 75) == 10

    def test_pods_that_nobody_knows_are_taken_for_idle_on_the_way_up(self) -> None:
        assert by_pods([105.0] * 20, 10, 20, 30, 70) == 30
        assert by_pods([140.0] * 20, 10, 20, 30, 70) == 40

    def test_and_for_busy_on_the_way_down(self) -> None:
        assert by_pods([35.0] * 10, 10, 10, 20, 70) == 15

    def test_pods_that_drain_pull_the_average_down(self) -> None:
        assert by_pods([35.0] * 40, 0, 20, 20, 70) == 10
        assert by_pods([70.0] * 20, 0, 20, 20, 70) == 20

    def test_without_any_metric_all_stays(self) -> None:
        assert by_pods([], 5, 0, 5, 70) == 5

    def test_a_sum_is_divided(self) -> None:
        assert by_sum(2100, 20, 70) == 30


class TestPace:
    def test_up_at_once_but_no_more_than_double_in_a_minute(self) -> None:
        pace = Pace()
        assert pace.allowed(0, 100, 10) == 20
        assert pace.allowed(15, 100, 20) == 20
        assert pace.allowed(61, 100, 20) == 40

    def test_few_pods_may_become_four_more(self) -> None:
        assert Pace().allowed(0, 100, 2) == 6

    def test_down_after_ten_minutes_and_a_tenth_in_five(self) -> None:
        pace = Pace()
        pace.allowed(0, 100, 100)
        assert pace.allowed(300, 50, 100) == 100
        assert pace.allowed(601, 50, 100) == 90
        assert pace.allowed(616, 50, 90) == 90
        assert pace.allowed(902, 50, 90) == 81


class TestDeployments:
    def test_an_update_never_leaves_fewer_than_there_are_to_be(self) -> None:
        fleet = Fleet(8, sessions=160, seed=1)
        deployment = Deployment(fleet, drain_s=60)
        old = {pod.number for pod in fleet.pods}
        ready: list[int] = []
        fleet.steady(160, 600)
        fleet.at(30, deployment.update)
        fleet.every(1, lambda: ready.append(len(fleet.ready())))
        fleet.run(600)
        assert min(ready) == 8
        assert max(ready) <= 10
        assert not old & {pod.number for pod in fleet.pods}
        assert not deployment.updating

    def test_pods_are_added_and_ended_as_told(self) -> None:
        fleet = Fleet(4, sessions=40, seed=2)
        deployment = Deployment(fleet, drain_s=3600)
        deployment.replicas = 6
        fleet.run(30)
        assert len(fleet.ready()) == 6
        deployment.replicas = 3
        fleet.run(32)
        assert len(fleet.ready()) == 3
        assert fleet.counts.cut == 0

    def test_a_dead_pod_is_replaced_when_it_is_known_to_be(self) -> None:
        fleet = Fleet(3, seed=3)
        Deployment(fleet, drain_s=0)
        gone = fleet.pods[0]
        fleet.kill(gone)
        fleet.run(60)
        assert len(fleet.ready()) == 2
        fleet.forget(gone)
        fleet.run(120)
        assert len(fleet.ready()) == 3


class TestAutoscaling:
    def test_pods_follow_sessions(self) -> None:
        fleet = Fleet(4, sessions=280, seed=1)
        deployment = Deployment(fleet, drain_s=3600)
        Autoscaler(fleet, deployment, "pods")
        fleet.steady(700, 1800)
        fleet.run(1800)
        assert deployment.replicas == pytest.approx(10, abs=1)

    def test_pods_that_drain_must_not_be_counted(self) -> None:
        counted, left_out = update(3600, "pods, draining too"), update(3600, "pods")
        assert counted.fewest < 16 < 19 <= left_out.fewest
        assert counted.busiest == PLACES > left_out.busiest
        assert counted.cut == left_out.cut == 0

    def test_a_lost_zone_is_not_noticed_until_its_pods_are_replaced(self) -> None:
        fleet = Fleet(9, sessions=540, seed=2)
        deployment = Deployment(fleet, drain_s=3600)
        Autoscaler(fleet, deployment, "pods")
        fleet.steady(540, 300)
        for pod in one_zone(fleet.pods):
            fleet.kill(pod)
        fleet.run(300)
        assert deployment.replicas == 9
        assert len(fleet.ready()) == 6


class TestWhatThePageSays:
    def test_a_drain_of_an_hour_cuts_none_and_needs_twice_the_pods(self) -> None:
        patient, hasty = update(3600, None), update(0, None)
        assert patient.cut == 0 < 1 < hasty.cut
        assert patient.most_pods == 40
        assert hasty.lasts_s < 120 < patient.lasts_s

    def test_few_nodes_make_it_long(self) -> None:
        few = update(3600, None, 25)
        assert few.most_pods == 25
        assert few.cut == 0
        assert few.lasts_s > 3 * update(3600, None).lasts_s

    def test_sixty_sessions_a_pod_bear_the_loss_of_a_zone_and_seventy_do_not(self) -> None:
        assert lose(60, one_zone).lost == lose(60, one_zone, silent=True).lost == 0
        assert lose(70, one_zone).lost > 0.05

    def test_silence_costs_the_time_of_a_ping(self) -> None:
        assert lose(50, one_zone).half_s < 1
        assert 20 < lose(50, one_zone, silent=True).half_s < 40

    def test_nodes_that_are_there_carry_a_surge(self) -> None:
        there = surge(3, target=70, new_nodes=False)
        awaited = surge(3, target=70, new_nodes=True)
        assert there.refused < 0.01 < 0.1 < awaited.refused
        assert awaited.gave_up < awaited.refused

    def test_places_last_as_long_as_is_said(self) -> None:
        """The number of sessions approaches its new average as e to the minus t."""
        fleet = Fleet(20, sessions=1400, seed=3)
        fleet.steady(2800, 600)
        fleet.run(longest(2, 70) - 20)
        assert fleet.counts.turned_away == 0
        fleet.run(longest(2, 70) + 40)
        assert fleet.counts.turned_away > 0
        assert longest(1.2, 70) == float("inf")

    @pytest.mark.parametrize("sessions", [1_000, 10_000])
    def test_there_is_a_place_for_everybody(self, sessions: int) -> None:
        one = run(sessions)
        assert one.refused == one.lost == 0
        assert known.PLANNED.value <= one.busiest <= 80
        assert one.busiest_then <= 80
        assert one.came > 2 * sessions
        assert 0 < one.back_s < 2

    def test_cells_have_room_for_one_another(self) -> None:
        """What the table allows before is borne by those that are left, with room for chance."""
        for row in cells().splitlines()[2:]:
            count, _, before, *_ = (cell.strip() for cell in row.strip("|").split("|"))
            after = float(before) * int(count) / (int(count) - 1)
            assert after <= 0.93 * PLACES
