"""The state of a namespace for the report of a failed test: pods, Events and the last log lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.cluster.kube import Kube

COMMANDS = {
    "pods": ["get", "pods", "--output=wide"],
    "events": ["events"],
    "last logs": ["logs", "--selector=app.kubernetes.io/part-of=spanloom", "--all-containers", "--prefix", "--tail=30"],
}


def cluster_state(kube: Kube) -> list[tuple[str, str]]:
    """Return the output of each command of kubectl, under its title."""
    return [(title, _output(kube, command)) for title, command in COMMANDS.items()]


def _output(kube: Kube, command: list[str]) -> str:
    try:
        return kube(*command)
    except AssertionError as error:
        return str(error)
