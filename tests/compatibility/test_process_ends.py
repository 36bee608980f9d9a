"""The end of a process: the last span arrives, the exit status is the application's, and the wait is bounded."""

from __future__ import annotations

import signal
from shlex import split
from typing import TYPE_CHECKING

import pytest
from compatibility.programs import closed_port, installed
from compatibility.servers import SERVERS, Server
from compatibility.versions import AGENT
from support.polling import poll_until

if TYPE_CHECKING:
    from pathlib import Path

REQUESTS = 3
TREE = "SERVER GET /text\n  CLIENT SELECT"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try the distribution under each third server, with --whole under each."""
    if "third" in metafunc.fixturenames:
        names = [name for name, server in SERVERS.items() if server.environment not in AGENT]
        names = names if metafunc.config.getoption("--whole") else names[::3]
        metafunc.parametrize("third", [SERVERS[name] for name in names], ids=names)


def loses_nothing(server: Server, bare, traced, arrived) -> None:
    """Check that a server responds and ends as without telemetry, with one whole trace a request."""
    home, outcomes = installed(server.environment), []
    for run in (bare, traced):
        with run("served", split(server.command), home, OTEL_BSP_SCHEDULE_DELAY="60000") as running:
            running.send(*["/text"] * REQUESTS)
            outcomes.append((running.end(), running.responses))
    assert outcomes[0] == outcomes[1]
    assert [TREE] * (REQUESTS if server.is_traced else 0) == arrived.shapes()


@pytest.mark.parametrize("door", ["agent"], indirect=True)
@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_the_last_span_arrives_at_sigterm(server: Server, bare, traced, arrived) -> None:
    """One whole trace a request, also of one just before the signal; the exit status is the server's own."""
    loses_nothing(server, bare, traced, arrived)


@pytest.mark.parametrize("door", ["distribution"], indirect=True)
def test_the_last_span_arrives_under_the_distribution(third: Server, bare, traced, arrived) -> None:
    """The same for applications that start under opentelemetry-instrument."""
    loses_nothing(third, bare, traced, arrived)


@pytest.mark.parametrize(
    ("arguments", "number"),
    [([], None), (["wait"], signal.SIGTERM), (["wait"], signal.SIGINT), (["handler"], None)],
    ids=["end", "SIGTERM", "SIGINT", "its own handler"],
)
def test_a_script_ends_as_it_would(arguments: list[str], number: int | None, bare, traced, arrived) -> None:
    """By its end, by a signal, by its own handler of a signal: same status, same output, all of its spans."""
    outcomes = []
    for run in (bare, traced):
        with run("script", ["python", "script.py", *arguments], OTEL_BSP_SCHEDULE_DELAY="60000") as script:
            poll_until(lambda: script.files[0].seek(0) or script.files[0].read(), "it has printed")
            status = script.end(number) if number else script.wait()
        outcomes.append((status, script.out))
    assert outcomes[0] == outcomes[1]
    assert {"INTERNAL work": 5} == arrived.names()


POOLS = {
    "prefork": "--concurrency 2",
    "a process for each task": "--concurrency 2 --max-tasks-per-child 1",
    "threads": "--pool threads --concurrency 2",
    "solo": "--pool solo",
}


@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS)
def test_a_celery_worker_loses_no_task(pool: str, traced, arrived, tmp_path: Path) -> None:
    """The spans of every task arrive, whatever the pool and however its processes end."""
    options = {"QUEUE": str(tmp_path), "OTEL_BSP_SCHEDULE_DELAY": "60000"}
    with traced("tasks", ["python", "tasks.py", "3"], **options) as sender:
        sender.wait()
    alone = "--without-gossip --without-mingle --without-heartbeat"
    with traced("tasks", f"celery -A tasks worker {pool} {alone}".split(), **options) as worker:
        poll_until(lambda: len(list(tmp_path.glob("done-*"))) == 3, "three tasks are done")
        worker.end()
    assert 3 == arrived.names()["INTERNAL work"]


def test_the_end_waits_no_longer_than_its_timeout(traced) -> None:
    """Without a receiver a script ends within SPANLOOM_FLUSH_TIMEOUT, and says in one line what it waits for."""
    with traced("script", ["python", "script.py"], endpoint=closed_port(), SPANLOOM_FLUSH_TIMEOUT="3") as script:
        assert 0 == script.wait(timeout=20)  # 34 s before the flush had a bound
    said = [line for line in script.err.splitlines() if line.startswith("spanloom: ")]
    assert 2 == len(said)
    assert "is not reachable; waiting up to 3 s before exit" in said[0]
