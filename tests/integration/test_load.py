"""The load as a process, against the whole stack."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.polling import poll_until

from spanloom_local.journey import is_from_load
from spanloom_local.load import FORGED_TRACE_ID
from spanloom_local.receiver import Receiver
from spanloom_local.stack import Stack, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanloom.traces.model import Trace

COMMAND = [sys.executable, "-m", "spanloom_local.load"]
EXPECTED = {
    ("POST /users", 201),
    ("POST /users", 422),
    ("GET /users", 200),
    ("GET /users/{user_id}", 200),
    ("GET /users/{user_id}", 404),
    ("DELETE /users/{user_id}", 204),
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Receiver() as receiver, running(receiver) as found:
        yield found


def requests(traces: list[Trace]) -> set[tuple[str, int]]:
    """Return route and status code of each request at the edge."""
    edges = [span for trace in traces for span in trace.spans if span.label.startswith("users-api SERVER")]
    return {(span.name, span.attributes["http.response.status_code"]) for span in edges}


def test_the_load_uses_every_route_until_a_signal(stack: Stack) -> None:
    """Its requests have the expected routes and status codes; it ends with status 0 at SIGTERM, and forges no trace."""

    def stored() -> list[Trace]:
        return [trace for trace in stack.receiver.store.traces().values() if is_from_load(trace)]

    with subprocess.Popen([*COMMAND, stack.url, "--rate", "50"], stderr=subprocess.PIPE, text=True) as load:
        seen: set[tuple[str, int]] = set()
        poll_until(lambda: seen.update(requests(stored())) or seen >= EXPECTED, "every kind of request", 60)
        load.terminate()
        _, errors = load.communicate(timeout=10)

    assert (0, "", EXPECTED) == (load.returncode, errors, seen)
    assert stack.receiver.store.trace(FORGED_TRACE_ID) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["users-api"], "load: error: argument url: 'users-api'; expected http://HOST:PORT"),
        (
            ["http://127.0.0.1:9", "--rate", "1e9"],
            "load: error: argument --rate: '1e9'; expected a number above 0 and at most 100",
        ),
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str], message: str) -> None:
    """A wrong argument causes one line that names it, and status 2."""
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
    assert (2, message) == (done.returncode, done.stderr.splitlines()[-1])
