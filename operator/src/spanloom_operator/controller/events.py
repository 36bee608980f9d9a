"""Kubernetes Events about workloads and OtelProfiles, with a log line and a count for each."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from spanloom_operator.controller.metrics import EVENTS
from spanloom_operator.injection.digests import fingerprint
from spanloom_operator.kinds import KINDS, UNCHANGEABLE
from spanloom_operator.kube import paths
from spanloom_operator.names import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_MESSAGE_LENGTH = 1024  # the API server refuses longer ones
EVENT_QUEUE_SIZE = 10_000
WARNINGS = frozenset({"Conflict", "RolledBack", "Invalid", "Misplaced", "NotChangeable", "Refused", "Skipped"})
log = logging.getLogger("spanloom.operator")


class EventRecorder:
    """Events to post, in order; those of one generation and content have one name, so that a restart repeats none."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue(EVENT_QUEUE_SIZE)
        self._last: dict[str, str] = {}

    def record(self, kind: str, metadata: Mapping[str, Any], reason: str, message: str) -> None:
        """Log, count and queue an Event about an object; the same Event twice in a row is recorded once."""
        namespace, name = metadata["namespace"], metadata["name"]
        digest = fingerprint([reason, message, metadata.get("generation")])
        if self._last.get(metadata["uid"]) == digest:
            return
        self._last[metadata["uid"]] = digest
        EVENTS.labels(reason).inc()
        level = logging.WARNING if reason in WARNINGS else logging.INFO
        about = {"kind": kind, "object": f"{namespace}/{name}", "reason": reason}
        log.log(level, "%s %s/%s: %s: %s", kind, namespace, name, reason, message, extra=about)
        if self.queue.full():
            self.queue.get_nowait()  # the oldest is the least missed
        self.queue.put_nowait((paths.events(namespace), event(kind, metadata, reason, message, digest)))

    def forget(self, uid: str) -> None:
        """Forget the last Event about an object that is deleted."""
        self._last.pop(uid, None)


def event(kind: str, metadata: Mapping[str, Any], reason: str, message: str, unique: str) -> dict[str, Any]:
    """Return an Event (core/v1) about the object with this `metadata`."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    known = KINDS.get(kind) or UNCHANGEABLE.get(kind)
    version = known.api_version if known else API_VERSION
    involved = {key: metadata[key] for key in ("name", "namespace", "uid")}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name'][:230]}.{unique}", "namespace": metadata["namespace"]},
        "involvedObject": {"apiVersion": version, "kind": kind, **involved},
        "type": "Warning" if reason in WARNINGS else "Normal",
        "reason": reason,
        "message": message if len(message) <= MAX_MESSAGE_LENGTH else message[: MAX_MESSAGE_LENGTH - 1] + "…",
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "source": {"component": "spanloom-operator"},
    }
