"""Teams in virtual time: what the scheduler promises them, and that the simulation can tell when it does not hold."""

import dataclasses
import json
from pathlib import Path

import msgspec
import pytest

from benchmarks.simulate import __main__ as command
from benchmarks.simulate.clock import Clock
from benchmarks.simulate.figures import Neighbours, jain
from benchmarks.simulate.gpu import Gpu, Work
from benchmarks.simulate.machine import MACHINES, Machine
from benchmarks.simulate.run import Result, Setup, measure
from copilot.serve.api import Lane
from copilot.serve.scheduler import Job, Scheduler

GPU = MACHINES["gpu"]


def beside(result: Result, lane: Lane) -> Neighbours:
    return next(it for it in result.neighbours if it.lane == lane)


@pytest.mark.parametrize("lane", [Lane.INLINE, Lane.CHAT])
@pytest.mark.parametrize("seed", [1, 2])
def test_nine_people_beside_one_with_fifty_requests_wait_at_most_twice_as_long(lane: Lane, seed: int) -> None:
    near = beside(measure(Setup(users=9, flood=lane, seed=seed)), Lane.INLINE)
    assert near.total_ratio <= 2.0
    # Their first tokens do wait longer: alone most come in less than a step with a part of someone's prompt takes, and
    # nothing interrupts a step. So what can be asked is how many of them they wait for.
    step = 1000 * GPU.step(GPU.chunk, 0)
    assert near.ttft_beside <= near.ttft_alone + 3 * step


def test_a_scheduler_that_is_not_told_who_asks_lets_the_flood_through() -> None:
    near = beside(measure(Setup(users=9, flood=Lane.INLINE, fair=False)), Lane.INLINE)
    assert near.total_ratio > 4.0


@pytest.mark.parametrize("backlogged", [2, 6, 20])
@pytest.mark.parametrize("lane", [Lane.INLINE, Lane.CHAT])
def test_those_with_a_backlog_get_the_same_share_however_much_they_ask_for(backlogged: int, lane: Lane) -> None:
    result = measure(Setup(users=10, backlogged=backlogged, backlog_lane=lane))
    assert result.backlogged == backlogged
    assert result.jain is not None
    assert result.jain >= 0.95


def test_first_come_first_served_gives_more_to_who_asks_for_more() -> None:
    result = measure(Setup(users=10, backlogged=6, fair=False))
    assert result.jain is not None
    assert result.jain < 0.8


@pytest.mark.parametrize(("slots", "users", "chats"), [(4, 5, 5), (16, 10, 20)])
def test_completions_start_at_once_while_chats_have_every_place_of_theirs(slots: int, users: int, chats: int) -> None:
    machine = dataclasses.replace(GPU, slots=slots)
    result = measure(Setup(users=users, backlogged=chats, machine=machine))
    assert result.busy > 0.7
    assert result.lanes[0].wait_p99 <= 100.0


def test_the_same_seed_gives_the_same_figures_and_another_seed_others() -> None:
    setup = Setup(users=5, seconds=20, flood=Lane.CHAT)
    assert measure(setup) == measure(setup)
    assert measure(msgspec.structs.replace(setup, seed=2)).lanes != measure(setup).lanes


def test_every_request_is_accounted_for() -> None:
    for lane in measure(Setup(users=60, gpus=2, seconds=30, backlogged=2)).lanes:
        assert lane.asked > 0
        ended = lane.done + lane.stopped + lane.expired + lane.refused
        assert lane.asked - 2 * GPU.slots - 60 <= ended <= lane.asked


def test_a_request_alone_takes_what_the_machine_says() -> None:
    clock = Clock()
    machine = Machine(slots=2, prefill=1000.0, decode=((1, 10.0), (2, 16.0)), chunk=100)
    gpu = Gpu(clock, machine, Scheduler(slots=2, max_queue=9))
    one = Work(Job("one", Lane.INLINE), "a", prompt=250, answer=5, arrived=0.0)
    gpu.submit(one)
    clock.run(100.0)
    assert one.first == pytest.approx(0.25 + 0.1)
    assert one.finished == pytest.approx(0.25 + 5 * 0.1)


@pytest.mark.parametrize(("batch", "seconds"), [(0, 0.0), (1, 0.1), (2, 0.125), (3, 0.1625), (4, 0.2), (8, 0.4)])
def test_between_the_rates_that_are_given_a_steps_time_grows_evenly(batch: int, seconds: float) -> None:
    machine = Machine(slots=8, prefill=1000.0, decode=((1, 10.0), (2, 16.0), (4, 20.0)), chunk=100)
    assert machine.step(0, batch) == pytest.approx(seconds)


def test_jains_index() -> None:
    assert jain([5.0, 5.0, 5.0]) == pytest.approx(1.0)
    assert jain([9.0, 0.0, 0.0]) == pytest.approx(1 / 3)
    assert jain([1.0]) is None


def test_the_command_says_what_was_met_and_writes_it_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    arguments = ["--users", "3", "--seconds", "10", "--flood", "chat", "--decode", "1:100,8:400", "--json", str(file)]
    assert command.main(arguments) == 0
    shown = capsys.readouterr().out
    assert "queue wait p99" in shown
    assert "beside the flood" in shown
    written = json.loads(file.read_text())
    assert written["setup"]["machine"]["decode"] == [[1, 100.0], [8, 400.0]]
    assert {it["lane"] for it in written["lanes"]} == {"inline", "chat", "background"}
