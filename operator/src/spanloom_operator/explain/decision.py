"""The operator's own decision about one workload, as an Explanation."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from spanloom_operator.explain.explanation import Explanation
from spanloom_operator.explain.rows import agent_rows, attributes_rows, skipped_rows, variables_rows
from spanloom_operator.injection import decision
from spanloom_operator.injection.decision import decide, find_injection, requested_profile, secrets_note
from spanloom_operator.injection.record import Record, from_injection_object
from spanloom_operator.injection.workload import Workload
from spanloom_operator.kinds import KINDS
from spanloom_operator.names import (
    DEFAULT_PROFILE,
    FIELD_MANAGER_PREFIX,
    INJECT_LABEL,
    MODE_ANNOTATION,
    is_operator_manager,
)
from spanloom_operator.profiles.reader import Layer, NoProfile, find_layers, profile_keys, read
from spanloom_operator.profiles.rules import ANY_ENDPOINT, Rules
from spanloom_operator.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spanloom_operator.injection.environment import Injection

Object = dict[str, Any]
PREFIX = Settings.prefix
NOT_REQUESTED, UNKNOWN = "NotRequested", "Unknown"
NOTHING_INJECTED = frozenset({"Skipped", "Invalid"})
UNKNOWN_RULES = Rules(endpoints=(ANY_ENDPOINT,), agent_image="<image of the agent>", agent_images=None)
"""Rules of an operator whose settings are not known: every endpoint is allowed, and every image of the agent."""


@dataclass(frozen=True)
class Installation:
    """An installed operator: `name` is `namespace/name` of its Deployment, `home` the namespace of its own profile."""

    name: str
    settings: Settings

    @property
    def home(self) -> str:
        """Return the namespace that holds the operator's default profile."""
        return self.settings.namespace

    def manages(self, namespace: str) -> bool:
        """Return whether the operator manages workloads of `namespace`."""
        return not self.settings.namespaces or namespace in self.settings.namespaces


@dataclass(frozen=True)
class Inputs:
    """What a decision needs beside the workload; `profiles` are specs by (namespace, name)."""

    home: str
    operator: Installation | None = None
    namespace_label: str | None = None
    profiles: Mapping[tuple[str, str], Object] = field(default_factory=dict)
    config_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unread: frozenset[tuple[str, str, str]] = frozenset()
    """Kind, namespace and name of the objects that could not be read."""
    injection: Object = field(default_factory=dict)
    """The workload's OtelInjection; empty when there is none."""
    now: float = 0
    """Seconds since the epoch."""


def installation(deployment: Mapping[str, Any]) -> Installation | None:
    """Return the operator that a Deployment runs, or None; ValueError when its settings are not understood."""
    metadata = deployment["metadata"]
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        variables = {entry["name"]: entry for entry in container.get("env") or ()}
        if f"{PREFIX}NAMESPACE" in variables:
            environ = {name: _literal(entry, metadata) for name, entry in variables.items() if name.startswith(PREFIX)}
            return Installation(f"{metadata['namespace']}/{metadata['name']}", Settings.from_environ(environ))
    return None


def _literal(entry: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    path = ((entry.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath")
    if path == "metadata.namespace":
        return str(metadata["namespace"])
    if entry.get("valueFrom"):
        raise ValueError(f"{entry['name']} is not a literal value")
    return str(entry.get("value", ""))


def follows_namespace(found: Mapping[str, Any]) -> bool:
    """Return whether the label of its namespace counts for a workload: not with a label of its own."""
    return KINDS[found["kind"]].follows_namespace and INJECT_LABEL not in (found["metadata"].get("labels") or {})


def namespace_label(labels: Mapping[str, Any]) -> str | None:
    """Return the label of a namespace that requests injection for its Deployments, or None."""
    return None if labels.get(INJECT_LABEL) is None else str(labels[INJECT_LABEL])


def profile_names(found: Mapping[str, Any], label: str | None, home: str) -> tuple[tuple[str, str], ...]:
    """Return namespace and name of the OtelProfiles that may count for a workload."""
    name = requested_profile(_workload(found), decision.Inputs(namespace_label=label))
    return profile_keys(found["metadata"]["namespace"], name or DEFAULT_PROFILE, home)


def config_map_names(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the ConfigMaps that containers take variables from."""
    containers = _workload(found).all_containers
    return tuple(sorted({name for each in containers for name in each.env_from_names("configMapRef")}))


def explain(found: Mapping[str, Any], inputs: Inputs) -> Explanation:
    """Explain a workload; one without a label is explained as if it had one, and says so."""
    workload, given = _workload(found, inputs.operator), _decision_inputs(inputs)
    name, record = requested_profile(workload, given), _record(workload, inputs)
    base = Explanation(
        workload.kind.name,
        workload.namespace,
        workload.name,
        *_outcome(workload, name, given, inputs.unread, record),
        reported=f"{record.state} {record.reason}".strip() if record else "",
        operator=inputs.operator.name if inputs.operator else "",
    )
    if base.outcome in NOTHING_INJECTED:
        return base
    layers = _layers(workload.namespace, name or DEFAULT_PROFILE, given)
    injection = find_injection(workload, record, layers, given)
    return _with_rows(base, workload, injection, layers, given)


def _record(workload: Workload, inputs: Inputs) -> Record | None:
    """Return what the operator recorded of this very workload, or None."""
    return from_injection_object({"metadata": {}, **inputs.injection}, workload.uid)


def _workload(found: Mapping[str, Any], operator: Installation | None = None) -> Workload:
    """Return the operator's view of a workload: with its field manager, or the one that is there already."""
    entries = found["metadata"].get("managedFields") or ()
    present = [entry["manager"] for entry in entries if is_operator_manager(entry.get("manager", ""))]
    manager = operator.settings.manager if operator else next(iter(present), FIELD_MANAGER_PREFIX)
    return Workload.from_object(KINDS[found["kind"]], found, manager)


def _decision_inputs(inputs: Inputs) -> decision.Inputs:
    settings = inputs.operator.settings if inputs.operator else None
    rules, grace = (settings.rules, settings.grace) if settings else (UNKNOWN_RULES, decision.Inputs.grace)
    label, now = inputs.namespace_label, inputs.now
    return decision.Inputs(rules, inputs.home, dict(inputs.profiles), label, inputs.config_maps, now, grace)


def _layers(namespace: str, name: str, given: decision.Inputs) -> tuple[Layer, ...]:
    """Return the profiles that are known, valid or not: what a profile that is not known adds is missing."""
    keys = [key for key in profile_keys(namespace, name, given.home) if key in given.profiles]
    return tuple(Layer("/".join(key), read(given.profiles[key], given.rules)) for key in keys)


def _outcome(
    workload: Workload,
    name: str | None,
    given: decision.Inputs,
    unread: frozenset[tuple[str, str, str]],
    record: Record | None,
) -> tuple[str, str]:
    """Return the outcome, and what the tables below do not say."""
    namespace, profile = workload.namespace, name or DEFAULT_PROFILE
    try:
        find_layers(namespace, profile, given.home, given.profiles, given.rules)
    except NoProfile as missing:
        if missing.state != "Skipped" or not _may_change(namespace, profile, given, unread):
            return missing.state, missing.reason
        return UNKNOWN, "an OtelProfile is not known; shown without it"
    shown = f"shown with {INJECT_LABEL}=true"
    if name is None and ("Namespace", "", namespace) in unread:
        return UNKNOWN, f"the namespace's label {INJECT_LABEL} is not known; {shown}"
    if name is None:
        where = f"{workload.kind.name}{' or its namespace' if workload.kind.follows_namespace else ''}"
        return NOT_REQUESTED, f"no label {INJECT_LABEL} on the {where}; {shown}"
    return _decided(workload, record, given)


def _may_change(namespace: str, name: str, given: decision.Inputs, unread: frozenset[tuple[str, str, str]]) -> bool:
    """Return whether a profile that could not be read may be what is missing."""
    keys = profile_keys(namespace, name, given.home)
    unknown = [key for key in keys if ("OtelProfile", *key) in unread]
    return bool(unknown) and (name == DEFAULT_PROFILE or keys[0] in {*unknown, *given.profiles})


def _decided(workload: Workload, record: Record | None, given: decision.Inputs) -> tuple[str, str]:
    decided = decide(workload, record, given)
    if workload.annotations.get(MODE_ANNOTATION) == "dry-run":
        return "DryRun", f"{MODE_ANNOTATION} is dry-run: reported, not injected"
    if decided.reason != "Injected":
        return decided.reason, decided.message
    return decided.reason, secrets_note(workload)


def _with_rows(
    base: Explanation, workload: Workload, injection: Injection, layers: Sequence[Layer], given: decision.Inputs
) -> Explanation:
    return replace(
        base,
        profiles=tuple(layer.source for layer in layers),
        variables=tuple(variables_rows(workload, injection)),
        skipped=tuple(skipped_rows(workload, injection)),
        attributes=tuple(attributes_rows(workload, injection, layers, given)),
        agent=tuple(agent_rows(workload, injection)),
    )
