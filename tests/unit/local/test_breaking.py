"""Which services a breakage starts again, with what, and what may be typed."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from support.builders.otlp import proto_span, traces_body

from spanloom.testing import from_otlp
from spanloom.traces.model import Trace
from spanloom_local.breakages import BREAKAGES, UNCHANGED, Change, restarts, users_api, users_db
from spanloom_local.breaking import Breaker, typed_lines
from spanloom_local.demo import require_valid
from spanloom_local.journey import is_from_load
from spanloom_local.load import AGENT
from spanloom_local.processes import StackError

if TYPE_CHECKING:
    from pathlib import Path

    from spanloom_local.stack import Stack

DB, API = "users-db-service", "users-api"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("", "", {}),
        ("slow-query", "slow-query", {}),
        ("", "n-plus-one", {DB: Change("users_db", {"BREAKAGE": "n-plus-one"})}),
        ("n-plus-one", "", {DB: UNCHANGED}),
        ("", "downstream-outage", {DB: Change(replicas=0)}),
        ("", "forged-trace-context", {API: Change(env={"SPANLOOM_TRUST_INCOMING": "true"})}),
        ("forged-trace-context", "downstream-outage", {DB: Change(replicas=0), API: UNCHANGED}),
    ],
    ids=str,
)
def test_only_what_changes_starts_again(before: str, after: str, expected: dict[str, Change]) -> None:
    """From one breakage to another, exactly the services start again whose change differs."""
    assert expected == restarts(before, after)


def test_users_db_service_starts_first() -> None:
    """Where both services start again, users-db-service is the first: the other one calls it."""
    assert [DB, API] == list(restarts("", "retry-storm"))


def test_every_fault_of_a_module_is_in_the_table() -> None:
    """The modules have exactly the faults that the table selects."""
    selected = {
        (change.module, name) for name, services in BREAKAGES.items() for change in services.values() if change.module
    }
    assert selected == {("users_db", name) for name in users_db.FAULTS} | {
        ("users_api", name) for name in users_api.FAULTS
    }


def test_a_change_selects_its_application() -> None:
    """A change with a module starts its application, any other that of the service."""
    assert "spanloom_local.breakages.users_db" == Change("users_db").application("users_db.app")
    assert "users_db.app" == UNCHANGED.application("users_db.app")


@pytest.mark.parametrize("line", ["slow query\n", "REPAIR\n", "\x1b[31m\n"])
def test_an_unknown_line_changes_nothing(line: str) -> None:
    """A line that is no breakage causes one line with the value and what is expected."""
    stack: Stack = None  # type: ignore[assignment]  # it must not be used
    breaker = Breaker(stack)
    assert breaker.follow(line).startswith(f"{line.strip()!r} is not understood; expected repair, slow-query, ")
    assert "" == breaker.name


@pytest.mark.parametrize(
    ("text", "expected"), [("slow-query\n\nrepair\n", ["slow-query", "repair"]), ("", [])], ids=["lines", "end"]
)
def test_typed_lines_are_read_without_waiting(
    text: str, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All lines that have arrived are returned once; the end of the input is no line."""
    (tmp_path / "input").write_text(text)
    with (tmp_path / "input").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert expected == typed_lines()
        assert [] == typed_lines()


def test_no_input_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without input, and with a closed one, there are no lines."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as file, os.fdopen(writing, "w"):
        monkeypatch.setattr(sys, "stdin", file)
        assert [] == typed_lines()
    assert [] == typed_lines()


@pytest.mark.parametrize(
    ("breakage", "runs_once", "message"),
    [
        ("slow", False, "--break 'slow' is not understood; expected one of slow-query, pool-exhaustion, "),
        ("slow-query", True, "--load and --break need a demo that continues: omit --once and --picture"),
    ],
)
def test_options_that_do_not_fit_are_refused(breakage: str, runs_once: bool, message: str) -> None:
    """An unknown breakage, and one in a demo that exits by itself, cause one line before anything starts."""
    with pytest.raises(StackError) as error:
        require_valid(breakage, runs_once=runs_once, needs_run=True)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("agents", "expected"),
    [([AGENT], True), ([], True), (["curl/8"], False), ([AGENT, "curl/8"], False)],
    ids=str,
)
def test_traces_of_the_load_are_recognized(agents: list[str], expected: bool) -> None:
    """A trace is of the load unless a request of another caller to the edge is in it."""
    spans = [
        proto_span(number, attributes={"user_agent.original": AnyValue(string_value=agent)})
        for number, agent in enumerate(agents, 2)
    ]
    trace = Trace.from_spans(from_otlp(traces_body(proto_span(1), *spans, service="users-api")))
    assert expected == is_from_load(trace)
