"""The agent beside an application's own packages and agents: it works as without the agent, and is traced once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from compatibility.programs import BARE, agent, installed, program
from compatibility.versions import AGENT

if TYPE_CHECKING:
    from pathlib import Path

    from compatibility.conftest import Arrived
    from compatibility.programs import Door, Program

SHOP = ["python", "pinned_shop.py", "{port}"]
SHOPS = [name for name in AGENT if name not in ("agent-others", "agent-gevent")]
TREE = """\
SERVER GET /orders/<int:number>
  CLIENT GET
    SERVER GET /prices"""


def used(home: Path, door: Door, command: list[str], *paths: str, **environ: str) -> Program:
    """Return a process that has handled requests and has ended."""
    with program(home, "shop", command, door, **environ) as running:
        running.send(*paths)
        running.end()
    return running


@pytest.mark.parametrize("name", SHOPS)
def test_an_application_with_pins_of_its_own_works_and_is_traced(
    name: str, agent_directory: Path, receiver, arrived: Arrived
) -> None:
    """Old and new protobuf, urllib3, requests, wrapt, typing_extensions and OpenTelemetry: nothing can conflict."""
    home, door = installed(name), agent(agent_directory).to(receiver.url)
    bare = used(home, BARE, SHOP, "/orders/7", "/used")
    traced = used(home, door, SHOP, "/orders/7", "/used", SPANLOOM_TRUST_INCOMING="true")
    assert [(200, 200)] * 2 == [(one.responses[0][1], one.responses[1][1]) for one in (bare, traced)]
    assert (bare.responses[1:], bare.status) == (traced.responses[1:], traced.status)
    assert bare.responses[0][2].replace("false", "true") == traced.responses[0][2]  # whether the header was sent
    by_hand = (
        "\n  INTERNAL by hand" if "opentelemetry" in traced.responses[1][2] and "span" in traced.responses[1][2] else ""
    )
    assert [TREE, f"SERVER GET /used{by_hand}"] == arrived.shapes()
    assert bare.lines == traced.lines


OTHERS = {
    "ddtrace": "ddtrace", "newrelic": "New Relic", "sentry": "Sentry's tracing", "elastic": "Elastic APM",
}  # fmt: skip


@pytest.mark.parametrize(("name", "title"), OTHERS.items(), ids=OTHERS)
def test_another_agent_is_left_alone(name: str, title: str, agent_directory: Path, receiver, arrived: Arrived) -> None:
    """The agent withdraws before its first span, and says so once."""
    settings = {"DD_TRACE_ENABLED": "false", "NEW_RELIC_ENABLED": "false", "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "0"}
    command = ["python", "other_agents.py", "{port}", name]
    shop = used(installed("agent-others"), agent(agent_directory).to(receiver.url), command, "/ok", "/ok", **settings)
    assert [(200, "ok")] * 2 == [response[1:] for response in shop.responses]
    assert [f"spanloom: {title} traces this process; the agent has withdrawn"] == [
        line for line in shop.err.splitlines() if line.startswith("spanloom: ")
    ]
    assert {} == arrived.names()


def test_sentry_without_tracing_is_no_other_agent(agent_directory: Path, receiver, arrived: Arrived) -> None:
    """Sentry's errors go to Sentry, and the requests are traced here."""
    command = ["python", "other_agents.py", "{port}", "sentry_without_tracing"]
    shop = used(installed("agent-others"), agent(agent_directory).to(receiver.url), command, "/ok")
    assert [(200, "ok")] == [response[1:] for response in shop.responses]
    assert {"SERVER GET /ok": 1} == arrived.names()


@pytest.mark.parametrize("name", ["agent-opentelemetry-sdk-1.27", "agent-newest"])
def test_an_sdk_of_the_applications_is_served(name: str, agent_directory: Path, receiver, arrived: Arrived) -> None:
    """Also to tracers that were made before it was configured; the agent withdraws, and says so once."""
    command = ["python", "other_agents.py", "{port}", "sdk"]
    shop = used(installed(name), agent(agent_directory).to(receiver.url), command, "/by-hand", "/ok")
    assert "opentelemetry.sdk.trace opentelemetry.sdk.trace" == shop.responses[0][2]
    said = "spanloom: opentelemetry.sdk.trace.TracerProvider traces this process; the agent has withdrawn"
    assert said in shop.err.splitlines()
    assert {} == arrived.names()


def test_gevent_patches_first(agent_directory: Path, receiver, arrived: Arrived) -> None:
    """Workers of gunicorn that patch the standard library trace every request, and end as without the agent."""
    command = ["gunicorn", "-k", "gevent", "-w", "2", "-b", "127.0.0.1:{port}", "pinned_shop:app"]
    home = installed("agent-gevent")
    bare = used(home, BARE, command, "/orders/7", "/orders/8")
    traced = used(
        home, agent(agent_directory).to(receiver.url), command, "/orders/7", "/orders/8", SPANLOOM_TRUST_INCOMING="true"
    )
    assert bare.status == traced.status
    assert [200, 200] == [response[1] for response in traced.responses]
    assert [TREE, TREE] == arrived.shapes()
    assert "RecursionError" not in traced.err
