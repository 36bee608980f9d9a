"""The measurement: load on the arms, and readings of CPU time, memory and latency."""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean, median
from typing import TYPE_CHECKING

from bench.arms import BASES
from bench.estimates import spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from random import Random

    from bench.services import Running

    Progress = Callable[[str, float], object]  # the current step, and the completed fraction of it

BURST = 32
LEAST_ROUNDS = 8


@dataclass(frozen=True)
class Plan:
    """The amount of load. A batch has fresh processes; a round is one burst for each arm, in random order.

    rounds: this many, or as many as fit into `seconds`, whichever is less. warm_up: rounds that do not count.
    drain: seconds after which all deferred work is done (the SDK exports every 5 s). idle: seconds without requests.
    saturated: seconds in which an arm has a core to itself. steady: seconds at half the slowest capacity.
    """

    batches: int
    rounds: int
    seconds: float
    warm_up: int = 10
    drain: float = 6.5
    idle: float = 3.0
    saturated: float = 5.0
    steady: float = 5.0


FULL = Plan(batches=3, rounds=100, seconds=600)
QUICK = Plan(batches=1, rounds=24, seconds=40, warm_up=6, saturated=1.5, steady=2.0)


@dataclass
class Measured:
    """The measurements of one arm over all batches. CPU times are of both services together, in nanoseconds.

    cpu: for each round, from its beginning to that of the next, including its share of the work after the last round,
    minus the cost of an idle untraced arm in that time (an idle server uses CPU time, and with many resident arms an
    arm waits longer than it works). idle: CPU time per second without requests. wall: seconds of each burst.
    saturated: requests per second with a core to itself. latencies: seconds of each request.
    """

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    saturated: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    start_seconds: list[float] = field(default_factory=list)
    resident_bytes: list[int] = field(default_factory=list)
    served: int = 0


def batch(arms: Sequence[Running], plan: Plan, random: Random, progress: Progress) -> dict[str, Measured]:
    """Measure one batch of fresh processes."""
    found = {running.arm.name: Measured(start_seconds=[running.start_seconds]) for running in arms}
    with _undisturbed():
        for done in range(plan.warm_up):
            progress("warm-up", done / plan.warm_up)
            _bursts(arms, random)
        progress("deferred work of the warm-up", 0)
        time.sleep(plan.drain)
        _idle(arms, found, plan.idle)
        _rounds(arms, found, plan, random, progress)
        _saturated(arms, found, plan.saturated, progress)
        _steady(arms, found, plan.steady, random, progress)
        progress("the last exports", 0)
        time.sleep(plan.drain)
    for running in arms:
        found[running.arm.name].served = running.client.served
        found[running.arm.name].resident_bytes = [running.resident_bytes]
    return found


@contextmanager
def _undisturbed() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _bursts(arms: Sequence[Running], random: Random) -> dict[str, float]:
    order = random.sample(arms, len(arms))
    return {running.arm.name: running.client.burst(BURST) for running in order}


def _cpu(arms: Sequence[Running]) -> dict[str, int]:
    return {running.arm.name: running.cpu_ns for running in arms}


def _idle(arms: Sequence[Running], found: dict[str, Measured], seconds: float) -> None:
    """Read the CPU time of a process without requests: it accrues in the turns of all arms, not only in its own."""
    before, start = _cpu(arms), time.perf_counter()
    time.sleep(seconds)
    after, elapsed = _cpu(arms), time.perf_counter() - start
    for name, measured in found.items():
        measured.idle.append((after[name] - before[name]) / elapsed)


def _rounds(
    arms: Sequence[Running], found: dict[str, Measured], plan: Plan, random: Random, progress: Progress
) -> None:
    readings = [(time.perf_counter(), _cpu(arms))]
    while (done := _done(readings, plan)) < 1:
        progress("bursts in random order", done)
        for name, seconds in _bursts(arms, random).items():
            found[name].wall.append(seconds)
        readings.append((time.perf_counter(), _cpu(arms)))
    progress("deferred work of the bursts", 0)
    time.sleep(plan.drain)
    readings.append((time.perf_counter(), _cpu(arms)))
    idle = fmean([found[base].idle[-1] for base in BASES])
    for name, measured in found.items():
        *rounds, late = (
            cpu[name] - cpu_before[name] - idle * (now - before)
            for (before, cpu_before), (now, cpu) in pairwise(readings)
        )
        measured.cpu = spread(rounds, late)


def _done(readings: Sequence[tuple[float, object]], plan: Plan) -> float:
    by_count, by_time = (len(readings) - 1) / plan.rounds, (time.perf_counter() - readings[0][0]) / plan.seconds
    return by_count if len(readings) <= LEAST_ROUNDS else max(by_count, by_time)


def _saturated(arms: Sequence[Running], found: dict[str, Measured], seconds: float, progress: Progress) -> None:
    """Load one arm after the other for about this many seconds without a pause, so that full queues drop."""
    for done, running in enumerate(arms):
        progress("saturation", done / len(arms))
        measured = found[running.arm.name]
        count = max(BURST, round(BURST * seconds / median(measured.wall)))
        measured.saturated.append(count / running.client.burst(count))


def _steady(
    arms: Sequence[Running], found: dict[str, Measured], seconds: float, random: Random, progress: Progress
) -> None:
    """Load every arm at the same rate, half of what the slowest can serve, for a second at a time in random order."""
    rate = min(measured.saturated[-1] for measured in found.values()) / 2
    for done in range(slices := max(1, round(seconds))):
        progress(f"open loop at {rate:.0f} requests a second", done / slices)
        for running in random.sample(arms, len(arms)):
            found[running.arm.name].latencies += running.client.steady(rate, max(1, round(rate)))


def merge(batches: Sequence[dict[str, Measured]]) -> dict[str, Measured]:
    """Return the measurements of all batches as one."""
    total = {name: Measured() for name in batches[0]}
    for found in batches:
        for name, measured in found.items():
            for key, value in vars(measured).items():
                setattr(total[name], key, getattr(total[name], key) + value)
    return total
