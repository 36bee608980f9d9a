"""The end of a process: the last span arrives, the exit status is the application's, and the wait is bounded."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, NamedTuple

import pytest
from compatibility.programs import UVICORN, closed_port
from support.polling import poll_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PYTHON = ["python", "{app}.py", "{port}"]


class Server(NamedTuple):
    """A way to serve an application, a path of it, and the name of the span of a request."""

    app: str
    command: Sequence[str]
    path: str
    span: str


SERVERS = {
    "uvicorn": Server("failing", UVICORN, "/ok", "GET /ok"),
    "uvicorn without lifespan": Server("failing", [*UVICORN, "--lifespan", "off"], "/ok", "GET /ok"),
    "uvicorn with workers": Server("failing", [*UVICORN, "--workers", "2"], "/ok", "GET /ok"),
    "gunicorn": Server(
        "flask_shop", ["gunicorn", "-b", "127.0.0.1:{port}", "flask_shop:app"], "/orders/7", "GET /orders/<int:number>"
    ),
    "gunicorn with threads": Server(
        "flask_shop",
        ["gunicorn", "--threads", "2", "-b", "127.0.0.1:{port}", "flask_shop:app"],
        "/orders/7",
        "GET /orders/<int:number>",
    ),
    "Flask's own": Server("flask_shop", PYTHON, "/orders/7", "GET /orders/<int:number>"),
    "Django under uvicorn": Server(
        "django_shop", UVICORN, "/shop/orders/7/", "GET /shop/orders/<int:number>/"
    ),
    "Django under wsgiref": Server("django_shop", PYTHON, "/shop/orders/7/", "GET /shop/orders/<int:number>/"),
    "hypercorn": Server("failing", ["hypercorn", "-b", "127.0.0.1:{port}", "failing:app"], "/ok", "GET /ok"),
}  # fmt: skip


@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_the_last_span_arrives_at_sigterm(server: Server, bare, traced, arrived) -> None:
    """A request just before the signal is in the traces, and the exit status is the server's own."""
    statuses = []
    for run in (bare, traced):
        with run(server.app, server.command, OTEL_BSP_SCHEDULE_DELAY="60000") as running:
            running.send(server.path)
            statuses.append(running.end())
    assert statuses[0] == statuses[1]
    assert {f"SERVER {server.span}": 1} == arrived.names()


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


def test_a_celery_worker_loses_no_task(traced, arrived, tmp_path: Path) -> None:
    """Also where each process of the pool ends after one task (--max-tasks-per-child 1)."""
    options = {"QUEUE": str(tmp_path), "OTEL_BSP_SCHEDULE_DELAY": "60000"}
    with traced("tasks", ["python", "tasks.py", "3"], **options) as sender:
        sender.wait()
    alone = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    command = ["celery", "-A", "tasks", "worker", "--concurrency", "2", "--max-tasks-per-child", "1", *alone]
    with traced("tasks", command, **options) as worker:
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
