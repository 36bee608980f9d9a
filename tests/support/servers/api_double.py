"""An API server in memory: lists, and server-side apply of workloads with its field ownership and preconditions.

The cluster tests put the same steps to a real API server (tests/e2e/operator/test_double.py) and compare.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from support.builders.deployments import MANAGER
from support.builders.statuses import rolled_out_status
from support.servers import field_ownership
from support.servers.field_ownership import Manager, Object, Shares, managed_fields, read_shares, update_shares
from support.servers.pod_templates import as_deployment, fields_as_deployment, fields_of_kind
from support.servers.validation import check_pod, refusals, without_image_volumes

from spanloom_operator.kinds import KINDS
from spanloom_operator.kube.api import ApiError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

USER = ("kubectl-edit", "Update")
OURS = (MANAGER, "Apply")


class Crash(BaseException):
    """The operator's process ends here."""


class ApiDouble:
    """Objects by REST path, who owns which field, and how often workloads were written. `now` is a clock (RFC 3339)."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.shares: dict[str, Shares] = {}
        self.writes = 0
        self.crash_in: int | None = None
        self.before_call: Callable[[], None] | None = None
        self.events: list[Object] = []
        self.refusals: list[str] = []
        """Writes that the operator should not have tried."""
        self.has_image_volumes = False
        self.rolls_out: Callable[[Object], Object] = rolled_out_status
        self.now: Callable[[], str] = lambda: ""
        self._times: dict[tuple[str, str], str] = {}
        self._version = 1

    # ---- the side of users and controllers
    def put(self, path: str, thing: Object, manager: Manager = USER) -> None:
        """Create or replace an object; fields that are removed lose their owners, changed ones get a new one."""
        old = self.objects.get(path)
        check_pod(as_deployment(thing))
        update_shares(self.shares.setdefault(path, {}), fields(old or {}), fields(thing), manager)
        self._store(path, old, deepcopy(thing))

    def change(self, path: str, edit: Callable[[Object], Any], manager: Manager = USER) -> None:
        """Read, change and replace an object, as `kubectl edit` does."""
        thing = deepcopy(self.objects[path])
        edit(thing)
        self.put(path, thing, manager)

    def delete_object(self, path: str) -> None:
        """Delete an object, and what it owns."""
        gone = self.objects.pop(path)
        self.shares.pop(path, None)
        uid = gone["metadata"].get("uid")
        for other, thing in list(self.objects.items()):
            if uid and uid in {owner.get("uid") for owner in thing["metadata"].get("ownerReferences", ())}:
                del self.objects[other]

    # ---- the side of the operator
    async def get(self, path: str) -> Object | None:
        """Return the object, or None."""
        with self._call():
            return self.shown(path) if path in self.objects else None

    async def pages(
        self, path: str, selector: str = "", *, field_selector: str = "", metadata_only: bool = False
    ) -> AsyncIterator[Object]:
        """List in one page."""
        with self._call():
            found = [self.shown(at) for at in sorted(self.objects) if _in_collection(at, path)]
            found = [item for item in found if not selector or selector in (item["metadata"].get("labels") or {})]
            name = field_selector.removeprefix("metadata.name=")
            found = [item for item in found if not name or item["metadata"]["name"] == name]
            if metadata_only:
                found = [{"metadata": item["metadata"]} for item in found]
            found = [_as_item(item) for item in found]
            yield {"items": found, "metadata": {"resourceVersion": str(self._version)}}

    async def watch(self, path: str, selector: str, version: str, **_: object) -> AsyncIterator[Object]:
        """Never called here: tests hand changes to the operator themselves."""
        raise NotImplementedError
        yield {}

    async def apply(
        self, path: str, body: Object, manager: str, *, force: bool = False, dry_run: bool = False
    ) -> Object:
        """Server-side apply."""
        with self._call():
            to = self._copy() if dry_run else self
            return to.apply_as(path, body, (manager, "Apply"), force=force)

    def apply_as(self, path: str, body: Object, manager: Manager, *, force: bool = False) -> Object:
        """Server-side apply by any manager."""
        old = self.objects.get(path)
        if body["kind"] not in KINDS:
            self._store(path, old, deepcopy(body))
            return self.shown(path)
        if old is None or old["metadata"]["uid"] != body["metadata"].get("uid", old["metadata"]["uid"]):
            raise ApiError(409, "uid mismatch")
        body = body if self.has_image_volumes else without_image_volumes(body)
        self._merge(path, old, fields(body), manager, body["metadata"].get("resourceVersion"))
        return self.shown(path)

    async def merge(self, path: str, body: Object) -> Object:
        """JSON merge patch of a status, of owners, or of a Lease."""
        with self._call():
            at = path.removesuffix("/status")
            if at not in self.objects:
                raise ApiError(404, "not found")
            thing = deepcopy(self.objects[at])
            self._check_version(at, body.get("metadata", {}).get("resourceVersion"))
            thing |= {key: {**thing.get(key, {}), **value} for key, value in body.items() if key in {"status", "spec"}}
            if entries := body.get("metadata", {}).get("managedFields"):
                self.shares[at] = read_shares(fields_as_deployment(entries, thing["kind"]), fields(thing))
            for key in body.get("metadata", {}).get("annotations", {}):
                thing["metadata"]["annotations"].pop(key, None)
                self.shares[at].pop((*field_ownership.ANNOTATIONS, f"f:{key}"), None)
            self._store(at, None if entries else self.objects[at], thing)
            return self.shown(at)

    async def create(self, path: str, body: Object) -> bool:
        """Take an Event, or create another object."""
        with self._call():
            if body["kind"] == "Event":
                self.events.append(body)
                return True
            at = f"{path}/{body['metadata']['name']}"
            is_new = at not in self.objects
            if is_new:
                self._store(at, None, deepcopy(body))
            return is_new

    async def delete(self, path: str) -> None:
        """Delete an object, if it exists."""
        with self._call():
            if path in self.objects:
                self.delete_object(path)

    # ---- how
    def _copy(self) -> ApiDouble:
        copy = ApiDouble()
        copy.objects, copy.shares = deepcopy(self.objects), deepcopy(self.shares)
        copy.has_image_volumes = self.has_image_volumes
        return copy

    def _call(self) -> Call:
        return Call(self)

    def _check_version(self, path: str, version: str | None) -> None:
        if version is not None and version != self.objects[path]["metadata"]["resourceVersion"]:
            raise ApiError(409, "the object has been modified; please apply your changes to the latest version")

    def _merge(
        self, path: str, old: Object, expected: dict[field_ownership.Path, Any], manager: Manager, version: str | None
    ) -> None:
        shares, live = self.shares[path], fields(old)
        for field, value in expected.items():
            others = shares.get(field, set()) - {manager}
            if others and live.get(field) != value:
                raise ApiError(409, f"conflict with {others}: {field}", is_field_conflict=True)
        self._check_version(path, version)
        self.writes += manager == OURS
        thing = deepcopy(old)
        for field in [field for field, holders in shares.items() if manager in holders and field not in expected]:
            field_ownership.let_go(shares, as_deployment(thing), field, manager)
        for field, value in expected.items():
            shares.setdefault(field, set()).add(manager)
            field_ownership.put(as_deployment(thing), field, value)
        self.refusals += refusals(as_deployment(thing))
        check_pod(as_deployment(thing))
        self._times[path, manager[0]] = self.now()
        self._store(path, old, thing, is_write=True)

    def _store(self, path: str, old: Object | None, thing: Object, *, is_write: bool = False) -> None:
        if old is not None and thing == old and not is_write:
            return
        if old is None or thing != old:
            self._version += 1
        known = self.objects.get(path)
        metadata = thing["metadata"]
        metadata["resourceVersion"] = str(self._version) if old is None or thing != old else metadata["resourceVersion"]
        metadata["generation"] = (known or thing)["metadata"].get("generation", 1)
        if known is not None and thing.get("spec") != known.get("spec"):
            metadata["generation"] += 1
        if thing.get("kind") in KINDS:
            thing["status"] = self.rolls_out(thing)
        self.objects[path] = thing

    def shown(self, path: str) -> Object:
        """Return an object with its managedFields, as the API server shows it."""
        thing = deepcopy(self.objects[path])
        if thing.get("kind") in KINDS:
            entries = fields_of_kind(managed_fields(self.shares.get(path, {})), thing["kind"])
            times = [self._times.get((path, entry["manager"]), "") for entry in entries]
            thing["metadata"]["managedFields"] = [{**e, "time": t} for e, t in zip(entries, times, strict=True)]
        return thing


class Call:
    """One API call, on either side of which the operator's process may end, and before which users may act."""

    def __init__(self, double: ApiDouble) -> None:
        self._double = double

    def __enter__(self) -> None:
        if self._double.before_call is not None:
            self._double.before_call()
        self._tick()

    def __exit__(self, *_: object) -> None:
        self._tick()

    def _tick(self) -> None:
        left = self._double.crash_in
        if left is not None:
            self._double.crash_in = left - 1
            if left == 0:
                raise Crash


def fields(thing: Object) -> dict[field_ownership.Path, Any]:
    """Return the fields of a workload whose ownership counts."""
    return field_ownership.fields(as_deployment(thing))


def _as_item(thing: Object) -> Object:
    """Return an object as it is in a list: without its kind, unless it is a custom resource."""
    built_in = thing.get("kind") in KINDS
    return {key: value for key, value in thing.items() if not built_in or key not in {"kind", "apiVersion"}}


def _in_collection(path: str, collection: str) -> bool:
    plural = collection.rsplit("/", 1)[1]
    prefix = collection.removesuffix(f"/{plural}")
    parts = path.rsplit("/", 2)
    return parts[-2] == plural and path.startswith(prefix)
