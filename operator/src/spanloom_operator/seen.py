"""What people see of the operator: Events, counters, and log lines that name kind, namespace/name and reason."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prometheus_client import Counter, Gauge

from spanloom_operator.ownership import fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_MESSAGE = 1024  # the API server refuses longer ones
KEPT = 10_000
WARNINGS = frozenset({"Conflict", "RolledBack", "Invalid", "Misplaced", "Refused", "Skipped"})

OUTCOMES = Counter("spanloom_operator_outcomes", "What was told about Deployments, by outcome", ["outcome"])
LEFT_OUT = Counter("spanloom_operator_left_out", "Variables not written, by reason", ["reason"])
WRITES = Counter("spanloom_operator_writes", "Writes of Deployments, by result", ["result"])
WATCHED = Gauge("spanloom_operator_deployments", "Deployments the operator looks after")
READY = Gauge("spanloom_operator_ready", "1 once everything there is has been listed and the watches have begun")
log = logging.getLogger("spanloom.operator")


class Seen:
    """Events to post, in order; those of one moment and content have one name, so that a restart repeats none."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue(KEPT)
        self._told: dict[str, str] = {}

    def tell(self, kind: str, metadata: Mapping[str, Any], reason: str, message: str) -> None:
        """Log, count and queue an Event about an object; the same twice in a row is said once."""
        namespace, name = metadata["namespace"], metadata["name"]
        told = fingerprint([reason, message, metadata.get("generation")])
        if self._told.get(metadata["uid"]) == told:
            return
        self._told[metadata["uid"]] = told
        OUTCOMES.labels(reason).inc()
        level = logging.WARNING if reason in WARNINGS else logging.INFO
        about = {"kind": kind, "object": f"{namespace}/{name}", "reason": reason}
        log.log(level, "%s %s/%s: %s: %s", kind, namespace, name, reason, message, extra=about)
        if self.events.full():
            self.events.get_nowait()  # the oldest is the least missed
        self.events.put_nowait((f"/api/v1/namespaces/{namespace}/events", event(kind, metadata, reason, message, told)))

    def forget(self, uid: str) -> None:
        """Forget what was said about an object that is gone."""
        self._told.pop(uid, None)


def event(kind: str, metadata: Mapping[str, Any], reason: str, message: str, unique: str) -> dict[str, Any]:
    """Return an Event (core/v1) about the object with this `metadata`."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    version = {"Deployment": "apps/v1"}.get(kind, "spanloom.dev/v1alpha1")
    involved = {key: metadata[key] for key in ("name", "namespace", "uid")}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name'][:230]}.{unique}", "namespace": metadata["namespace"]},
        "involvedObject": {"apiVersion": version, "kind": kind, **involved},
        "type": "Warning" if reason in WARNINGS else "Normal",
        "reason": reason,
        "message": message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 1] + "…",
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "source": {"component": "spanloom-operator"},
    }
