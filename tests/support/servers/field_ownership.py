"""Field ownership of annotations and env entries, as managedFields writes it."""

from __future__ import annotations

import json
from typing import Any

Object = dict[str, Any]
Path = tuple[str, ...]
Owners = dict[Path, set[tuple[str, str]]]


def fields(thing: Object) -> dict[Path, Any]:
    """Return the fields whose ownership counts: annotations, and env entries by container and name."""
    template = thing.get("spec", {}).get("template", {})
    found: dict[Path, Any] = {
        ("annotation", key): value for key, value in (thing.get("metadata", {}).get("annotations") or {}).items()
    }
    for each in template.get("spec", {}).get("containers", ()):
        for entry in each.get("env") or ():
            found["env", each["name"], entry["name"]] = {key: value for key, value in entry.items() if value != ""}
    return found


def managed_fields(owners: Owners, parts: Owners) -> list[Object]:
    """Return owners the way the API server writes them."""
    entries: dict[tuple[str, str], Object] = {}
    for held, whole in ((owners, True), (parts, False)):
        for field, holders in held.items():
            for manager in holders:
                entry = {"manager": manager[0], "operation": manager[1], "fieldsV1": {}}
                _write_field(entries.setdefault(manager, entry)["fieldsV1"], field, whole=whole)
    return list(entries.values())


def _write_field(written: Object, field: Path, *, whole: bool) -> None:
    if field[0] == "annotation":
        steps: tuple[str, ...] = ("f:metadata", "f:annotations", f"f:{field[1]}")
    else:
        keys = [f'k:{{"name":"{name}"}}' for name in field[1:]]
        steps = ("f:spec", "f:template", "f:spec", "f:containers", keys[0], "f:env", keys[1])
    for step in steps:
        written = written.setdefault(step, {})
    if field[0] == "env":
        written |= {".": {}, "f:name": {}} if whole else {"f:value": {}}


def read_fields(entries: list[Object]) -> tuple[Owners, Owners]:
    """Return owners of whole fields, and of values only, from what the API server would have written."""
    owners: Owners = {}
    parts: Owners = {}
    for entry in entries:
        manager = entry["manager"], entry["operation"]
        for key in entry["fieldsV1"].get("f:metadata", {}).get("f:annotations", {}):
            owners.setdefault(("annotation", key.removeprefix("f:")), set()).add(manager)
        template = entry["fieldsV1"].get("f:spec", {}).get("f:template", {})
        for name, each in template.get("f:spec", {}).get("f:containers", {}).items():
            for key, part in each.get("f:env", {}).items():
                field = ("env", json.loads(name[2:])["name"], json.loads(key[2:])["name"])
                (owners if "." in part else parts).setdefault(field, set()).add(manager)
    return owners, parts


def _container(thing: Object, name: str) -> Object:
    containers: list[Object] = thing["spec"]["template"]["spec"]["containers"]
    return next(each for each in containers if each["name"] == name)


def remove_field(thing: Object, field: Path) -> None:
    if field[0] == "annotation":
        thing["metadata"]["annotations"].pop(field[1])
        return
    holder = _container(thing, field[1])
    holder["env"] = [entry for entry in holder["env"] if entry["name"] != field[2]]
    if not holder["env"]:
        del holder["env"]


def set_field(thing: Object, field: Path, value: Any) -> None:
    if field[0] == "annotation":
        thing["metadata"].setdefault("annotations", {})[field[1]] = value
        return
    entries = _container(thing, field[1]).setdefault("env", [])
    for at, entry in enumerate(entries):
        if entry["name"] == field[2]:
            entries[at] = value
            return
    entries.append(value)
