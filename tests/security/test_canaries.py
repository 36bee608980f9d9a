"""Secrets and personal data by every input: none is found in what leaves the processes.

A canary is a unique word. The test searches all bytes sent to the receiver (spans, metrics, log records) and the output
of both services; not PostgreSQL's log, which quotes rows that violate a constraint (SECURITY.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from support.builders.canaries import PATHS, SETTINGS, TRAPS, Outputs
from support.polling import poll_until
from support.processes.stack import running_stack
from support.raw_http import exchange, status
from support.servers.tcp_proxy import tcp_proxy

from spanloom_local import processes
from spanloom_local.journey import send

if TYPE_CHECKING:
    from support.processes.stack import Stack


@pytest.fixture(scope="module")
def outputs() -> Outputs:
    """Send every canary to both services, let the processes end, and return their outputs."""
    found = Outputs()
    with pytest.MonkeyPatch.context() as patch, tcp_proxy() as receiver:
        patch.setattr(processes, "KEPT_LINES", 100_000)
        with running_stack({**SETTINGS, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}) as stack:
            receiver.target = stack.receiver.url
            with psycopg.connect(stack.postgres.url) as connection:
                connection.execute(TRAPS)
            send_everything(stack, found)
            last = send(stack.url, "GET", "/users")
            poll_until(lambda: stack.edges([last]), "the last trace arrives")
            end(stack, found)
        found.bytes["telemetry"] = bytes(receiver.passed)
    return found


def send_everything(stack: Stack, found: Outputs) -> None:
    """Send the requests to the edge, and to the service behind it, which trusts its callers."""
    for path, (requests, _) in PATHS.items():
        for request in requests:
            found.responses.setdefault(path, set()).add(
                status(exchange(stack.url, [request.written(found.canaries[path])]))
            )
            exchange(stack.internal_url, [request.written(found.canaries[path])])


def end(stack: Stack, found: Outputs) -> None:
    """Stop both services, which export the rest, and keep their output."""
    for process in (stack.users_api, stack.users_db):
        stack.processes.stop(process)
        found.bytes[process.name] = "\n".join(process.lines).encode()


@pytest.mark.parametrize("path", PATHS)
def test_no_output_contains_a_canary(outputs: Outputs, path: str) -> None:
    """A value from a caller or a database error is in no span, metric, log record or line of output."""
    assert [] == outputs.where(outputs.canaries[path])


def test_every_request_had_its_status(outputs: Outputs) -> None:
    """The requests had the expected status codes, so the canaries were processed."""
    assert {} == outputs.unexpected()


def test_every_output_is_searched(outputs: Outputs) -> None:
    """The search would find a canary: route names and database error types are in telemetry and output."""
    assert {"telemetry", "users-api", "users-db-service"} == set(outputs.where("/users/{user_id}"))
    for name in ("UniqueViolation", "CheckViolation", "RaiseException"):
        assert {"telemetry", "users-db-service"} == set(outputs.where(f"database error: {name}"))
    assert ["telemetry"] == outputs.where("23505")
