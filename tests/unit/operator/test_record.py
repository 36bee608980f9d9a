"""Records: written to an OtelInjection and read from it; written again only when a reader learns something."""

from dataclasses import replace

import pytest
from support.builders.deployments import Object, deployment, workload_of

from spanloom_operator.injection.environment import SkippedVariable
from spanloom_operator.injection.record import Guard, Record, from_injection_object

WORKLOAD = workload_of(deployment())
RECORD = Record(
    "RolledBack",
    "demo/x, home/default",
    "not ready",
    (("app", ("OTEL_A", "OTEL_B")),),
    (SkippedVariable("app", "OTEL_C", "container env has it"), SkippedVariable("gone", "", "no container")),
    1000,
    Guard("cause", "template", 7, 1000, was_healthy=True, is_rolled_out=False),
)


def test_record_is_read_as_it_was_written() -> None:
    """The status of an OtelInjection contains all of a record."""
    assert RECORD == from_injection_object(RECORD.body(WORKLOAD, "home/operator"), WORKLOAD.uid)


def test_record_of_another_deployment_is_none() -> None:
    """A Deployment of the same name, created later, begins without a record."""
    assert from_injection_object(RECORD.body(WORKLOAD, "home/operator"), "another") is None


@pytest.mark.parametrize("status", [{}, {"state": "Injected"}, {"guard": None}, {"since": "yesterday"}])
def test_unreadable_record_is_none(status: Object) -> None:
    """Whatever users write into the status, it is read as absent."""
    found = {**RECORD.body(WORKLOAD, "home/operator"), "status": status}
    assert from_injection_object(found, WORKLOAD.uid) is None


def test_since_is_when_the_state_began() -> None:
    """Time alone, and what only the guard remembers, change nothing that a reader sees; another reason does."""
    later = replace(RECORD, guard=Guard("cause", "another template"))
    assert 1000 == later.continued(RECORD, 2000).since
    assert 2000 == replace(RECORD, reason="other").continued(RECORD, 2000).since


def test_generation_is_written_while_the_guard_is_armed() -> None:
    """Once the injection is rolled out, a new generation (a scaled Deployment) is no reason to write."""
    scaled = replace(RECORD, guard=replace(RECORD.guard, generation=8))
    assert RECORD.to_persist != scaled.to_persist
    done = [replace(each, guard=replace(each.guard, is_rolled_out=True)) for each in (RECORD, scaled)]
    assert done[0].to_persist == done[1].to_persist
