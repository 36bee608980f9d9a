"""Read what decides about a workload: its namespace, profiles, ConfigMaps, and the operator's own settings."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spanloom_operator.explain.decision import (
    Inputs,
    config_map_names,
    explain,
    follows_namespace,
    installation,
    namespace_label,
    profile_names,
)
from spanloom_operator.explain.problems import ExplainError, UnreadableError
from spanloom_operator.kinds import DEPLOYMENT, KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from spanloom_operator.explain.decision import Installation
    from spanloom_operator.explain.explanation import Explanation
    from spanloom_operator.explain.sources import Reader, Source

Object = dict[str, Any]
DEFAULT_HOME = "spanloom-system"
OPERATOR_SELECTOR = "app.kubernetes.io/part-of=spanloom"
ASSUMED = "taken instead: every endpoint is allowed, and the operator's namespace is"


def explain_with(reader: Reader, workload: Mapping[str, Any], home: str = "") -> Explanation:
    """Explain a workload by what `reader` reads; `home` is the operator's namespace, found when it is empty."""
    namespace = workload["metadata"]["namespace"]
    operator, operator_notes = find_operator(reader, namespace, home)
    inputs = _inputs(reader, workload, operator, home or (operator.home if operator else DEFAULT_HOME))
    return replace(explain(workload, inputs), notes=(*operator_notes, *reader.notes()))


def _inputs(reader: Reader, workload: Mapping[str, Any], operator: Installation | None, home: str) -> Inputs:
    namespace = workload["metadata"]["namespace"]
    label = namespace_label(_labels(reader, namespace)) if follows_namespace(workload) else None
    profiles = {
        (where, name): _section(found, "spec", f"OtelProfile {where}/{name}")
        for where, name in profile_names(workload, label, home)
        if (found := reader.get("OtelProfile", where, name))
    }
    config_maps = {
        name: {key: str(value) for key, value in _section(found, "data", f"ConfigMap {namespace}/{name}").items()}
        for name in config_map_names(workload)
        if (found := reader.get("ConfigMap", namespace, name))
    }
    injection = _injection(reader, workload)
    return Inputs(home, operator, label, profiles, config_maps, frozenset(reader.unread), injection, time.time())


def _injection(reader: Reader, workload: Mapping[str, Any]) -> Object:
    """Return what the operator recorded of a live workload; a manifest without a uid has nothing of that kind."""
    if not workload["metadata"].get("uid"):
        return {}
    key = KINDS[workload["kind"]].key_of(workload)
    return reader.get("OtelInjection", key.namespace, key.injection_name) or {}


def _labels(reader: Reader, namespace: str) -> Object:
    found, title = reader.get("Namespace", "", namespace) or {}, f"Namespace {namespace}"
    return _section(_section(found, "metadata", title), "labels", title)


def _section(thing: Object, key: str, title: str) -> Object:
    section = thing.get(key) or {}
    if not isinstance(section, dict):
        raise ExplainError(f"{title}: {key}: expected an object")
    return section


def find_operator(reader: Reader, namespace: str, home: str) -> tuple[Installation | None, tuple[str, ...]]:
    """Return the operator that manages `namespace`, and notes on what is not known about it."""
    assumed = f"{ASSUMED} {home or DEFAULT_HOME}"
    try:
        found = list(_installations(reader, home))
    except UnreadableError as error:
        return None, (f"the operator's settings are not known ({error}); {assumed}",)
    except ValueError as error:
        return None, (f"the operator's settings are not understood ({' '.join(str(error).split())}); {assumed}",)
    managing = [one for one in found if one.manages(namespace)]
    if managing:
        return managing[0], ()
    others = ", ".join(one.name for one in found)
    reason = f"{others} does not manage namespace {namespace}" if found else "no operator is installed"
    return None, (f"{reason}; {assumed}",)


def _installations(reader: Reader, home: str) -> Iterator[Installation]:
    in_files = reader.files.deployments(home)
    candidates = in_files if any(map(installation, in_files)) else cluster_operators(reader.cluster, home)
    for deployment in candidates:
        if found := installation(deployment):
            yield found


def cluster_operators(cluster: Source, home: str) -> Sequence[Object]:
    """Return Deployments that may be an operator: of `home`, else of all namespaces, else of the usual one."""
    if home:
        return cluster.workloads(DEPLOYMENT, home, OPERATOR_SELECTOR)
    try:
        return cluster.workloads(DEPLOYMENT, "", OPERATOR_SELECTOR)
    except UnreadableError:
        return cluster.workloads(DEPLOYMENT, DEFAULT_HOME, OPERATOR_SELECTOR)
