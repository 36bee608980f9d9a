"""The agent in an explanation."""

from __future__ import annotations

from support.builders.deployments import deployment
from support.builders.strategies import AGENT, PLATFORM

from spanloom_operator.explain.decision import Inputs, explain
from spanloom_operator.explain.explanation import Mount
from spanloom_operator.explain.output import as_text

SPEC = {"exporter": PLATFORM.profile.exporter.model_dump(include={"endpoint", "protocol"}), **AGENT}


def test_the_agent_is_shown() -> None:
    """What is mounted where, from which image and how, is said before it is applied.

    Without the operator's settings every image counts as allowed, and its own is not known.
    """
    found = explain(deployment(), Inputs("system", profiles={("demo", "default"): SPEC}))

    image = "<image of the agent>"
    assert (Mount("app", "/spanloom-agent", image, "initContainer", "demo/default", "not applied yet"),) == found.agent
    assert f"app         /spanloom-agent   {image}" in as_text([found])
