"""Where objects are read: the files that were given, then the cluster; and what could not be read."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from spanloom_operator.explain.problems import UnreadableError
from spanloom_operator.kinds import DEPLOYMENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanloom_operator.explain.documents import Document, Object
    from spanloom_operator.kinds import Kind

CLUSTER_KINDS = frozenset({"Namespace"})
"""Kinds without a namespace."""


class Source(Protocol):
    """Reads objects by kind, namespace ("" for kinds without one) and name."""

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """Return the object, or None when there is none; raise UnreadableError when that cannot be known."""

    def workloads(self, kind: Kind, namespace: str, selector: str = "") -> list[Object]:
        """Return the workloads of a kind and a namespace ("": of all) that a label selector selects."""


@dataclass(frozen=True)
class NoCluster:
    """A source that holds nothing, for `reason`."""

    reason: str

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """Raise UnreadableError with the reason."""
        raise UnreadableError(self.reason)

    def workloads(self, kind: Kind, namespace: str, selector: str = "") -> list[Object]:
        """Raise UnreadableError with the reason."""
        raise UnreadableError(self.reason)


@dataclass(frozen=True)
class Files:
    """Objects of manifests; those without a namespace belong to `namespace`."""

    documents: Sequence[Document] = ()
    namespace: str = "default"
    whole: Sequence[Object] = ()
    """The workloads among them that are whole."""

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """Return the object, or None when there is none."""
        return next(
            (
                document.content
                for document in self.documents
                if (document.content.get("kind"), document.metadata.get("name")) == (kind, name)
                if kind in CLUSTER_KINDS or (document.metadata.get("namespace") or self.namespace) == namespace
            ),
            None,
        )

    def deployments(self, namespace: str) -> list[Object]:
        """Return the whole Deployments of a namespace ("": of all)."""
        found = [item for item in self.whole if item["kind"] == DEPLOYMENT.name]
        return [item for item in found if namespace in {"", item["metadata"]["namespace"]}]


@dataclass
class Reader:
    """Reads from the files first, then from the cluster.

    `unread` collects kind, namespace and name of what could not be read, and why.
    """

    files: Files
    cluster: Source
    unread: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """Return the object, or None when there is none or it cannot be read."""
        if found := self.files.get(kind, namespace, name):
            return found
        try:
            return self.cluster.get(kind, namespace, name)
        except UnreadableError as error:
            self.unread[kind, namespace, name] = str(error)
            return None

    def notes(self) -> tuple[str, ...]:
        """Return a line for each reason, with what could not be read for it."""
        reasons: defaultdict[str, list[str]] = defaultdict(list)
        for (kind, namespace, name), reason in self.unread.items():
            reasons[reason].append(f"{kind} {f'{namespace}/' if namespace else ''}{name}")
        return tuple(f"not known: {', '.join(what)} ({reason})" for reason, what in reasons.items())
