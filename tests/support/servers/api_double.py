"""An API server in memory: lists, watches' events, and server-side apply of Deployments with its field ownership.

It implements the ownership that the operator relies on: env entries and annotations, each by its key. The cluster
tests send the same steps to a real API server (tests/e2e/operator/test_double.py) and compare.
"""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from support.builders.deployments import rolled_out
from support.servers.field_ownership import fields, managed_fields, read_fields, remove_field, set_field

from spanloom_operator.api import ApiError
from spanloom_operator.ownership import MANAGER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from support.servers.field_ownership import Object, Path

OURS = (MANAGER, "Apply")
USER = ("kubectl-edit", "Update")
LABEL = "spanloom.dev/inject"


class Crash(BaseException):
    """The operator's process ends here."""


class ApiDouble:
    """Objects by REST path, who owns which field, and how often Deployments were written."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.owners: dict[str, dict[Path, set[tuple[str, str]]]] = {}
        # A manager that changes the value of another's env entry owns the value only, and loses it with the entry.
        self.parts: dict[str, dict[Path, set[tuple[str, str]]]] = {}
        self.times: dict[str, dict[tuple[str, str], float]] = {}
        self.now: Callable[[], float] = lambda: 0
        self.writes = 0
        self.crash_in: int | None = None
        self.events: list[Object] = []
        self.rolls_out: Callable[[Object], Object] = lambda found: rolled_out(found["metadata"]["generation"])
        self._version = 1

    # ---- methods for users and controllers
    def put(self, path: str, thing: Object, manager: tuple[str, str] = USER) -> None:
        """Create or replace an object; removed fields lose their owners, changed ones get a new one."""
        old = self.objects.get(path)
        before, after = fields(old or {}), fields(thing)
        owners, parts = self.owners.setdefault(path, {}), self.parts.setdefault(path, {})
        for field in before.keys() - after.keys():
            owners.pop(field, None)
            parts.pop(field, None)
        for field, value in after.items():
            if field not in before or (field[0] == "annotation" and before[field] != value):
                owners[field] = {manager}
            elif before[field] != value and owners.get(field) != {manager}:
                parts[field] = {manager}
        self._store(path, old, deepcopy(thing))

    def change(self, path: str, edit: Callable[[Object], Any]) -> None:
        """Read, change and replace an object, as `kubectl edit` does."""
        thing = deepcopy(self.objects[path])
        edit(thing)
        self.put(path, thing)

    def delete(self, path: str) -> None:
        """Delete an object."""
        del self.objects[path], self.owners[path], self.parts[path]

    # ---- methods for the operator
    async def get(self, path: str) -> Object | None:
        """Return the object, or None."""
        with self._call():
            return self.shown(path) if path in self.objects else None

    async def pages(self, path: str, selector: str = "", *, metadata_only: bool = False) -> AsyncIterator[Object]:
        """List in one page."""
        with self._call():
            found = [self.shown(at) for at in sorted(self.objects) if _in_collection(at, path)]
            items = [item for item in found if not selector or selector in (item["metadata"].get("labels") or {})]
            if metadata_only:
                items = [{"metadata": item["metadata"]} for item in items]
            yield {"items": items, "metadata": {"resourceVersion": str(self._version)}}

    async def watch(self, path: str, selector: str, version: str) -> AsyncIterator[Object]:
        """Never called here: tests hand changes to the operator themselves."""
        raise NotImplementedError
        yield {}

    async def apply(self, path: str, body: Object, manager: tuple[str, str] = OURS) -> Object:
        """Server-side apply without force."""
        with self._call():
            old = self.objects.get(path)
            if old is None or old["metadata"]["uid"] != body["metadata"].get("uid", old["metadata"]["uid"]):
                raise ApiError(409, "uid mismatch")
            self.writes += 1
            self._merge(path, old, fields(body), manager)
            return self.shown(path)

    async def hand_over(self, path: str, fields: list[Object], version: str) -> Object:
        """Rewrite the ownership of an object that has not changed since."""
        with self._call():
            if self.objects[path]["metadata"]["resourceVersion"] != version:
                raise ApiError(409, "the object has been modified")
            self.owners[path], self.parts[path] = read_fields(fields)
            self._version += 1
            self.objects[path]["metadata"]["resourceVersion"] = str(self._version)
            return self.shown(path)

    async def merge(self, path: str, body: Object) -> Object:
        """JSON merge patch of a status."""
        with self._call():
            self.objects[path.removesuffix("/status")]["status"] = body["status"]
            return self.shown(path.removesuffix("/status"))

    async def create(self, path: str, body: Object) -> None:
        """Take an Event."""
        with self._call():
            self.events.append(body)

    # ---- how
    def _call(self) -> Call:
        return Call(self)

    def _merge(self, path: str, old: Object, wanted: dict[Path, Any], manager: tuple[str, str]) -> None:
        owners, live = self.owners[path], fields(old)
        for field, value in wanted.items():
            others = owners.get(field, set()) | self.parts[path].get(field, set())
            if others - {manager} and live.get(field) != value:
                raise ApiError(409, f"conflict with {others}: {field}")
        thing = deepcopy(old)
        for field in [field for field, holders in owners.items() if manager in holders and field not in wanted]:
            owners[field].discard(manager)
            if not owners[field]:
                del owners[field]
                self.parts[path].pop(field, None)
                remove_field(thing, field)
        for field, value in wanted.items():
            owners.setdefault(field, set()).add(manager)
            set_field(thing, field, value)
        if thing != old:
            self.times.setdefault(path, {})[manager] = self.now()
        self._store(path, old, thing)

    def _store(self, path: str, old: Object | None, thing: Object) -> None:
        if old is not None and thing == old:
            return
        self._version += 1
        metadata = thing["metadata"]
        metadata["resourceVersion"] = str(self._version)
        metadata["generation"] = (old or thing)["metadata"].get("generation", 1)
        if old is not None and thing.get("spec") != old.get("spec"):
            metadata["generation"] += 1
        if thing["kind"] == "Deployment":
            thing["status"] = self.rolls_out(thing)
        self.objects[path] = thing

    def shown(self, path: str) -> Object:
        """Return an object with its managedFields, as the API server shows it."""
        thing = deepcopy(self.objects[path])
        entries = managed_fields(self.owners.get(path, {}), self.parts.get(path, {}))
        times = self.times.get(path, {})
        for entry in entries:
            seconds = times.get((entry["manager"], entry["operation"]), 0)
            entry["time"] = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        thing["metadata"]["managedFields"] = entries
        return thing


class Call:
    """One API call, on either side of which the operator's process may end: an odd count ends it after the effect."""

    def __init__(self, double: ApiDouble) -> None:
        self._double = double

    def __enter__(self) -> None:
        self._tick()

    def __exit__(self, *_: object) -> None:
        self._tick()

    def _tick(self) -> None:
        left = self._double.crash_in
        if left is not None:
            self._double.crash_in = left - 1
            if left == 0:
                raise Crash


def _in_collection(path: str, collection: str) -> bool:
    plural = collection.rsplit("/", 1)[1]
    prefix = collection.removesuffix(f"/{plural}")
    parts = path.rsplit("/", 2)
    return parts[-2] == plural and path.startswith(prefix)
