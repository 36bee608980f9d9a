"""Field ownership of a Deployment as the API server keeps it: annotations, and env entries by container and name."""

from __future__ import annotations

import json
from typing import Any

Object = dict[str, Any]
Path = tuple[str, ...]
Manager = tuple[str, str]
"""Name and operation."""
Shares = dict[Path, dict[Manager, set[str]]]
"""What each manager owns of a field: `whole`, the entry itself, and `value`."""

LISTS = ("containers", "initContainers")


def fields(thing: Object) -> dict[Path, Any]:
    """Return the fields whose ownership counts."""
    annotations = thing.get("metadata", {}).get("annotations") or {}
    found: dict[Path, Any] = {("annotation", key): value for key, value in annotations.items()}
    pod = thing.get("spec", {}).get("template", {}).get("spec", {})
    for kind in LISTS:
        for each in pod.get(kind, ()):
            for entry in each.get("env") or ():
                without_empty = {key: value for key, value in entry.items() if value != ""}
                found[kind, each["name"], entry["name"]] = without_empty
    return found


def update_shares(shares: Shares, before: dict[Path, Any], after: dict[Path, Any], manager: Manager) -> None:
    """Note an update: what is new is the manager's, of what has changed the value is."""
    for field in before.keys() - after.keys():
        shares.pop(field, None)
    for field, value in after.items():
        if field not in before or (field[0] == "annotation" and before[field] != value):
            shares[field] = {manager: {"whole", "value"}}
        elif before[field] != value:
            for held in shares.setdefault(field, {}).values():
                held.discard("value")
            shares[field].setdefault(manager, set()).add("value")


def managed_fields(shares: Shares, live: dict[Path, Any]) -> list[Object]:
    """Return shares the way the API server writes them."""
    entries: dict[Manager, Object] = {}
    for field, holders in shares.items():
        for manager, held in holders.items():
            entry: Object = {"manager": manager[0], "operation": manager[1], "apiVersion": "apps/v1", "fieldsV1": {}}
            if held:
                _write(entries.setdefault(manager, entry)["fieldsV1"], field, held, live.get(field))
    return list(entries.values())


def read_shares(entries: list[Object]) -> Shares:
    """Return shares from what the API server has written."""
    shares: Shares = {}
    for entry in entries:
        manager = entry["manager"], entry["operation"]
        for key in entry["fieldsV1"].get("f:metadata", {}).get("f:annotations", {}):
            shares.setdefault(("annotation", key.removeprefix("f:")), {})[manager] = {"whole", "value"}
        pod = entry["fieldsV1"].get("f:spec", {}).get("f:template", {}).get("f:spec", {})
        for kind in LISTS:
            for name, each in pod.get(f"f:{kind}", {}).items():
                for key, parts in each.get("f:env", {}).items():
                    field = kind, json.loads(name[2:])["name"], json.loads(key[2:])["name"]
                    held = ({"whole"} if "." in parts else set()) | (
                        {"value"} if parts.keys() - {".", "f:name"} else set()
                    )
                    shares.setdefault(field, {})[manager] = held
    return shares


def _write(written: Object, field: Path, held: set[str], live: Any) -> None:
    if field[0] == "annotation":
        steps: tuple[str, ...] = ("f:metadata", "f:annotations", f"f:{field[1]}")
    else:
        keys = [f'k:{{"name":"{name}"}}' for name in field[1:]]
        steps = ("f:spec", "f:template", "f:spec", f"f:{field[0]}", keys[0], "f:env", keys[1])
    for step in steps:
        written = written.setdefault(step, {})
    if field[0] != "annotation":
        written |= {".": {}, "f:name": {}} if "whole" in held else {}
        written |= {f"f:{key}": {} for key in (live or {}) if key != "name"} if "value" in held else {}
        # an empty value is owned like any other
        written |= {"f:value": {}} if "value" in held and (live or {}).keys() == {"name"} else {}


def remove(thing: Object, field: Path) -> None:
    """Remove a field from an object."""
    if field[0] == "annotation":
        thing["metadata"]["annotations"].pop(field[1], None)
        return
    holder = _container(thing, field)
    holder["env"] = [entry for entry in holder.get("env", []) if entry["name"] != field[2]]
    if not holder["env"]:
        del holder["env"]


def put(thing: Object, field: Path, value: Any) -> None:
    """Set a field of an object; an env entry keeps its place, a new one comes last."""
    if field[0] == "annotation":
        thing["metadata"].setdefault("annotations", {})[field[1]] = value
        return
    entries = _container(thing, field).setdefault("env", [])
    for at, entry in enumerate(entries):
        if entry["name"] == field[2]:
            entries[at] = value
            return
    entries.append(value)


def _container(thing: Object, field: Path) -> Object:
    containers: list[Object] = thing["spec"]["template"]["spec"][field[0]]
    return next(each for each in containers if each["name"] == field[1])
