"""PostgreSQL or users-db-service fails: every request gets a response, and no acknowledged user is lost."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest
from support.polling import poll_until
from support.processes.postgres import locked_users
from support.processes.stack import Stack, running_stack

from spanloom_local.journey import Response, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from _pytest.mark import ParameterSet
    from support.plugins.faults import Record

    Fault = Callable[[Stack], AbstractContextManager[None]]

# Shorter than the defaults, in the same order; two slow statements exhaust the pool.
BOUNDS = {
    "USERS_DB_POOL_SIZE": "2",
    "USERS_DB_POOL_TIMEOUT_SECONDS": "0.3",
    "USERS_DB_STATEMENT_TIMEOUT_SECONDS": "0.4",
    "USERS_DB_DEADLINE_SECONDS": "0.6",
    "USERS_API_DEADLINE_SECONDS": "1.2",
}
SUCCESS = {200, 201}
AT_ONCE, ENOUGH = 4, 12  # requests


@contextmanager
def stopped(stack: Stack) -> Iterator[None]:
    stack.postgres.stop()
    try:
        yield
    finally:
        stack.postgres.start()


@contextmanager
def killed(stack: Stack) -> Iterator[None]:
    stack.kill_users_db()
    yield
    stack.start_users_db()


def proxy(mode: str, stack: Stack) -> AbstractContextManager[None]:
    return stack.proxy.mode(mode)


FAULTS: dict[str, Fault] = {
    "PostgreSQL restarted": stopped,
    "PostgreSQL paused (SIGSTOP)": lambda stack: stack.postgres.paused(),
    # Statements that wait for a lock occupy every connection of the pool.
    "slow statements occupy every pooled connection": lambda stack: locked_users(stack.postgres.url),
    "users-db-service killed and restarted": killed,
    "users-db-service hangs": partial(proxy, "hold"),
    "users-db-service resets connections": partial(proxy, "reset"),
    "users-db-service sends invalid HTTP": partial(proxy, "garbage"),
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(BOUNDS) as found:
        yield found


@contextmanager
def load(stack: Stack) -> Iterator[list[Response]]:
    """Create and read users continuously; yield the list of responses, which grows."""
    responses, over = list[Response](), threading.Event()

    def ask() -> None:
        while not over.is_set():
            made = send(stack.url, "POST", "/users", {"name": "Ada"})
            path = f"/users/{made.body['id']}" if made.status == 201 else "/users"
            responses.extend([made, send(stack.url, "GET", path)])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        asking = [pool.submit(ask) for _ in range(AT_ONCE)]
        try:
            yield responses
        finally:
            over.set()
    for done in asking:
        done.result()  # raises if a request got no response


def statuses(responses: list[Response]) -> Counter[int]:
    return Counter(response.status for response in responses)


def each_fault() -> list[ParameterSet]:
    return [pytest.param(fault, marks=pytest.mark.fault(name), id=name) for name, fault in FAULTS.items()]


@pytest.mark.parametrize("fault", each_fault())
def test_a_fault_causes_503_and_nothing_else(stack: Stack, fault: Fault, record: Record) -> None:
    """Every request gets a response (503 during the fault), users-api stays ready, no acknowledged user is lost.

    Every request has its server span, and the same process continues after the fault.
    """
    edge = stack.users_api.popen.pid
    with load(stack) as responses:
        poll_until(lambda: SUCCESS <= statuses(responses).keys(), "users are created and read")
        with fault(stack):
            poll_until(lambda: statuses(responses)[503] >= ENOUGH, "responses have status 503")
            probes = [send(stack.url, "GET", probe).status for probe in ("/healthz", "/readyz")]
        poll_until(lambda: send(stack.url, "GET", "/users").status == 200, "the fault is over")
        repaired = len(responses)
        poll_until(lambda: SUCCESS <= statuses(responses[repaired:]).keys(), "users are created and read again")
    poll_until(lambda: stack.edges(responses) == len(responses), "every request has its server span")
    record(statuses(responses), len(responses), stack.edges(responses))
    assert [200, 200] == probes
    assert SUCCESS | {503} == statuses(responses).keys()
    made = [response.body["id"] for response in responses if response.status == 201]
    assert {200} == {send(stack.url, "GET", f"/users/{user}").status for user in made}
    assert (edge, None) == (stack.users_api.popen.pid, stack.users_api.popen.poll())
