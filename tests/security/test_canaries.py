"""Secrets and personal data through every path: none is found in what leaves the processes.

A canary is a word that stands nowhere else. Searched are all bytes sent to the receiver (spans, metrics, log records)
and all that both services write. PostgreSQL's own log is not: it quotes rows that break a constraint (SECURITY.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from support.builders.canaries import PATHS, SETTINGS, TRAPS, Told
from support.polling import poll_until
from support.processes.stack import running_stack
from support.raw_http import exchange, status
from support.servers.tcp_proxy import tcp_proxy

from spanloom_local import processes
from spanloom_local.journey import send

if TYPE_CHECKING:
    from support.processes.stack import Stack


@pytest.fixture(scope="module")
def told() -> Told:
    """Send every canary to both services, let the processes end, and return what they told."""
    found = Told()
    with pytest.MonkeyPatch.context() as patch, tcp_proxy() as receiver:
        patch.setattr(processes, "KEPT_LINES", 100_000)
        with running_stack({**SETTINGS, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}) as stack:
            receiver.target = stack.receiver.url
            with psycopg.connect(stack.postgres.url) as connection:
                connection.execute(TRAPS)
            tell_everything(stack, found)
            last = send(stack.url, "GET", "/users")
            poll_until(lambda: stack.edges([last]), "the last trace arrives")
            end(stack, found)
        found.bytes["telemetry"] = bytes(receiver.passed)
    return found


def tell_everything(stack: Stack, found: Told) -> None:
    """Send what strangers send to the edge, and the same to the service behind it, which believes its callers."""
    for path, (requests, _) in PATHS.items():
        for request in requests:
            found.answers.setdefault(path, set()).add(
                status(exchange(stack.url, [request.written(found.canaries[path])]))
            )
            exchange(stack.internal_url, [request.written(found.canaries[path])])


def end(stack: Stack, found: Told) -> None:
    """Stop both services, which sends the rest, and keep what they wrote."""
    for process in (stack.users_api, stack.users_db):
        stack.processes.stop(process)
        found.bytes[process.name] = "\n".join(process.lines).encode()


@pytest.mark.parametrize("path", PATHS)
def test_a_canary_is_found_nowhere(told: Told, path: str) -> None:
    """What a caller sends, or an error quotes, is in no span, metric, log record or line of output."""
    assert [] == told.where(told.canaries[path])


def test_every_path_was_walked(told: Told) -> None:
    """The requests were answered as meant, so the canaries did get in."""
    assert {path: told.answers[path] for path in PATHS} == {path: expected for path, (_, expected) in PATHS.items()}


def test_what_may_be_told_is_found(told: Told) -> None:
    """The search would find a canary: names of routes and of database errors are in telemetry and output."""
    assert {"telemetry", "users-api", "users-db-service"} == set(told.where("/users/{user_id}"))
    for name in ("UniqueViolation", "CheckViolation", "RaiseException"):
        assert {"telemetry", "users-db-service"} == set(told.where(f"database error: {name}"))
    assert ["telemetry"] == told.where("23505")
