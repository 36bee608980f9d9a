"""Field ownership of a Deployment as the API server keeps it: annotations, and the pod's lists that have keys.

A field is known by its path in `fieldsV1`. Containers, volumes, volume mounts and env entries are items of their own,
with one field for each of their keys.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Object = dict[str, Any]
Path = tuple[str, ...]
Manager = tuple[str, str]
"""Name and operation."""
Shares = dict[Path, set[Manager]]
"""Who owns each field; the path of an item itself ends with a dot."""

ANNOTATIONS: Path = ("f:metadata", "f:annotations")
POD: Path = ("f:spec", "f:template", "f:spec")
ITEM = "."
LISTS = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "env": "name",
    "volumeMounts": "mountPath",
}
"""Lists whose items have a key, which identifies them."""
CONTAINERS = ("containers", "initContainers")
DEFAULTS = {
    "imagePullPolicy": "IfNotPresent",
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
"""What the API server adds to a new container, and no manager owns."""


def fields(thing: Object) -> dict[Path, Any]:
    """Return the fields whose ownership counts, with their values."""
    annotations = thing.get("metadata", {}).get("annotations") or {}
    pod = thing.get("spec", {}).get("template", {}).get("spec", {})
    found: dict[Path, Any] = {(*ANNOTATIONS, f"f:{key}"): value for key, value in annotations.items()}
    return found | {path: value for kind in LISTS for path, value in _list_fields(POD, kind, pod)}


def _list_fields(base: Path, kind: str, holder: Object) -> Iterator[tuple[Path, Any]]:
    for item in holder.get(kind) or ():
        path = (*base, f"f:{kind}", "k:" + json.dumps({LISTS[kind]: item[LISTS[kind]]}, separators=(",", ":")))
        yield (*path, ITEM), None
        # an empty value is owned like any other
        for key, value in ({"value": ""} | item if kind == "env" and "valueFrom" not in item else item).items():
            if key not in LISTS:
                yield (*path, f"f:{key}"), value
        for inner in LISTS:
            yield from _list_fields(path, inner, item)


def update_shares(shares: Shares, before: dict[Path, Any], after: dict[Path, Any], manager: Manager) -> None:
    """Note an update: what is new or has changed is the manager's alone."""
    for path in before.keys() - after.keys():
        shares.pop(path, None)
    for path, value in after.items():
        if path not in before or before[path] != value:
            shares[path] = {manager}


def managed_fields(shares: Shares) -> list[Object]:
    """Return shares the way the API server writes them."""
    entries: dict[Manager, Object] = {}
    for path, holders in shares.items():
        for manager in sorted(holders):
            entry: Object = {"manager": manager[0], "operation": manager[1], "apiVersion": "apps/v1", "fieldsV1": {}}
            written = entries.setdefault(manager, entry)["fieldsV1"]
            for step in path:
                written = written.setdefault(step, {})
    return list(entries.values())


def read_shares(entries: list[Object], known: dict[Path, Any]) -> Shares:
    """Return shares from what the API server has written, of the fields that are known."""
    shares: Shares = {}
    for entry in entries:
        for path in known:
            if _has(entry["fieldsV1"], path):
                shares.setdefault(path, set()).add((entry["manager"], entry["operation"]))
    return shares


def let_go(shares: Shares, thing: Object, path: Path, manager: Manager) -> None:
    """Remove a manager from a field, and a field without an owner: an item with all that is in it."""
    if manager not in shares.get(path, ()):
        return  # it went with its item
    shares[path].discard(manager)
    if not shares[path]:
        remove(thing, path)
        within = path[:-1] if path[-1] == ITEM else path
        for gone in [other for other in shares if other[: len(within)] == within]:
            del shares[gone]


def _has(written: Object, path: Path) -> bool:
    for step in path:
        if step not in written:
            return False
        written = written[step]
    return True


def remove(thing: Object, path: Path) -> None:
    """Remove a field of an object, or a whole item; a list without items goes, too."""
    if path[:2] == ANNOTATIONS:
        thing["metadata"]["annotations"].pop(path[2][2:], None)
        return
    *item_path, last = path
    holder, kind, key = _list_of(thing, item_path)
    if last != ITEM:
        _item(holder, kind, key).pop(last[2:], None)
        return
    holder[kind] = [item for item in holder[kind] if item[LISTS[kind]] != key]
    if not holder[kind]:
        del holder[kind]


def put(thing: Object, path: Path, value: Any) -> None:
    """Set a field of an object; an item keeps its place, a new one comes last."""
    if path[:2] == ANNOTATIONS:
        thing["metadata"].setdefault("annotations", {})[path[2][2:]] = value
        return
    *item_path, last = path
    item = _item(*_list_of(thing, item_path))
    if last == "f:value" and value == "":
        item.pop("value", None)
    elif last != ITEM:
        item[last[2:]] = deepcopy(value)


def _list_of(thing: Object, path: list[str]) -> tuple[Object, str, str]:
    """Return what holds the list of an item, the name of the list, and the item's key."""
    holder: Object = thing["spec"]["template"]["spec"]
    *outer, kind, key = path[len(POD) :]
    for list_name, item_key in zip(outer[::2], outer[1::2], strict=True):
        holder = _item(holder, list_name[2:], _key(item_key))
    return holder, kind[2:], _key(key)


def _item(holder: Object, kind: str, key: str) -> Object:
    items: list[Object] = holder.setdefault(kind, [])
    found = next((item for item in items if item[LISTS[kind]] == key), None)
    if found is None:
        found = {LISTS[kind]: key, **(DEFAULTS if kind in CONTAINERS else {})}
        items.append(found)
    return found


def _key(field_key: str) -> str:
    return str(next(iter(json.loads(field_key[2:]).values())))
