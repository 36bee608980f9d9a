"""Which installation looks after what: a Lease for the whole cluster, or one in each namespace.

The holder of a Lease is an installation (`namespace/name`), not a process: a restart does not wait for it. A second
installation of the same scope stands by until the Lease is deleted (`spanloom cleanup` does that) or expires. An
installation for some namespaces takes precedence there over one for the whole cluster.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from spanloom_operator.kube import paths
from spanloom_operator.kube.api import ApiError, items
from spanloom_operator.names import CLUSTER_LEASE_NAME, CLUSTER_LEASE_NAMESPACE, LEASE_NAME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from spanloom_operator.kube.api import Api, Key, Object

LEASE_DURATION_SECONDS = 300
"""A Lease that its holder has not renewed for this time may be taken over; longer than any restart takes."""
RENEW_SECONDS = 20
"""How often Leases are renewed, and those of others looked up."""
log = logging.getLogger(__name__)


class LeaseLost(Exception):  # noqa: N818 - an outcome, not an error
    """Another installation looks after the cluster now."""


class Claims:
    """What this installation looks after. `namespaces` is empty for the whole cluster."""

    def __init__(
        self,
        api: Api,
        installation: str,
        namespaces: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api, self._installation, self._namespaces, self._clock = api, installation, namespaces, clock
        self._holders: dict[str, str] = {}
        self._seen: dict[Key, tuple[str, float]] = {}

    @property
    def leases(self) -> list[Key]:
        """Namespace and name of the Leases to hold."""
        if self._namespaces:
            return [(namespace, LEASE_NAME) for namespace in self._namespaces]
        return [(CLUSTER_LEASE_NAMESPACE, CLUSTER_LEASE_NAME)]

    def holder(self, namespace: str) -> str:
        """Return the other installation that looks after a namespace, or ""."""
        return self._holders.get(namespace, "")

    def has_profiles(self, namespace: str) -> bool:
        """Return whether the profiles of a namespace are this installation's to judge.

        Those of a namespace that another installation looks after, or lives in, are not.
        """
        homes = {holder.partition("/")[0] for holder in self._holders.values()}
        own_home = self._installation.partition("/")[0]
        return namespace == own_home or namespace not in {*self._holders, *homes}

    async def acquire(self) -> str:
        """Take or renew the cluster's Lease; return the installation that has it, or "" when it is this one.

        For an installation of some namespaces there is nothing to wait for: it starts with those it can have.
        """
        if self._namespaces:
            await self.refresh()
            return ""
        return await self._acquire(self.leases[0])

    async def refresh(self) -> set[str]:
        """Renew the Leases and look those of others up; return the namespaces that have changed hands.

        LeaseLost when another installation has taken the cluster's.
        """
        before = self._holders
        if self._namespaces:
            found = {key[0]: await self._acquire(key) for key in self.leases}
        else:
            if holder := await self._acquire(self.leases[0]):
                raise LeaseLost(f"installation {holder} looks after the cluster now")
            found = {key[0]: holder async for key, holder in self._others()}
        self._holders = {namespace: holder for namespace, holder in found.items() if holder}
        changed = {name for name in before.keys() | self._holders.keys() if before.get(name) != self._holders.get(name)}
        for namespace in sorted(changed & self._holders.keys()):
            log.warning("namespace %s is looked after by installation %s", namespace, self._holders[namespace])
        return changed

    async def release(self) -> None:
        """Delete the Leases of this installation."""
        for key in self.leases:
            lease = await self._api.get(paths.leases(*key))
            if lease is not None and _holder(lease) == self._installation:
                await self._api.delete(paths.leases(*key))

    async def _acquire(self, key: Key) -> str:
        lease = await self._api.get(paths.leases(*key))
        if lease is None:
            is_created = await self._api.create(paths.leases(key[0]), self._lease(key))
            return "" if is_created else await self._acquire(key)
        holder = _holder(lease)
        if holder not in {"", self._installation} and not self._is_expired(key, lease):
            return holder
        spec = self._spec()
        patch = {"metadata": {"resourceVersion": lease["metadata"]["resourceVersion"]}, "spec": spec}
        try:
            await self._api.merge(paths.leases(*key), patch)
        except ApiError as error:
            if not error.is_stale:
                raise
            return await self._acquire(key)
        return ""

    async def _others(self) -> AsyncIterator[tuple[Key, str]]:
        async for lease in items(self._api, paths.leases(), field_selector=f"metadata.name={LEASE_NAME}"):
            key = lease["metadata"]["namespace"], lease["metadata"]["name"]
            if _holder(lease) != self._installation and not self._is_expired(key, lease):
                yield key, _holder(lease)

    def _is_expired(self, key: Key, lease: Object) -> bool:
        """Return whether a Lease was not renewed for its duration, by this process's own clock."""
        renewed = str(lease["spec"].get("renewTime", ""))
        if self._seen.get(key, ("", 0.0))[0] != renewed:
            self._seen[key] = renewed, self._clock()
        duration = float(lease["spec"].get("leaseDurationSeconds", LEASE_DURATION_SECONDS))
        return self._clock() - self._seen[key][1] > duration

    def _lease(self, key: Key) -> Object:
        metadata = {"name": key[1], "namespace": key[0]}
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": self._spec()}

    def _spec(self) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {
            "holderIdentity": self._installation,
            "leaseDurationSeconds": LEASE_DURATION_SECONDS,
            "renewTime": now,
        }


def _holder(lease: Object) -> str:
    return str((lease.get("spec") or {}).get("holderIdentity") or "")
