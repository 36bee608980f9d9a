"""The operator's own decision about one Deployment, as an Explanation: the only module here that calls the operator."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from spanloom_operator.apply import Status
from spanloom_operator.decide import (
    DEFAULT,
    LABEL,
    MODE,
    NotInjected,
    World,
    decide,
    find_layers,
    profile_keys,
    wanted,
)
from spanloom_operator.explain.explanation import Attribute, Explanation, Skipped, Variable
from spanloom_operator.inject import (
    ATTRIBUTES,
    attribute_keys,
    env_from_config_maps,
    env_from_secrets,
    inject,
    resource_attributes,
    user_says,
)
from spanloom_operator.ownership import env_managers, users_template
from spanloom_operator.profile import ANY, Layer, Rules, read
from spanloom_operator.settings import PREFIX, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from spanloom_operator.inject import Entry, Injection

Object = dict[str, Any]
NOT_APPLIED = "not applied yet"
NOT_REQUESTED, UNKNOWN = "NotRequested", "Unknown"
NOTHING_INJECTED = frozenset({"Skipped", "Invalid"})
UNKNOWN_RULES = Rules(endpoints=(ANY,))
"""Rules of an operator whose settings are not known: every endpoint is allowed."""


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
        """Tell whether the operator looks at Deployments of `namespace`."""
        return not self.settings.namespaces or namespace in self.settings.namespaces


@dataclass(frozen=True)
class Inputs:
    """What a decision needs beside the Deployment; `profiles` are specs by (namespace, name)."""

    home: str
    operator: Installation | None = None
    namespace_label: str | None = None
    profiles: Mapping[tuple[str, str], Object] = field(default_factory=dict)
    config_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unread: frozenset[tuple[str, str, str]] = frozenset()
    """Kind, namespace and name of the objects that could not be read."""


def installation(deployment: Mapping[str, Any]) -> Installation | None:
    """Return the operator that a Deployment runs, or None; ValueError when its settings are not understood."""
    metadata = deployment["metadata"]
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        variables = {entry["name"]: entry for entry in container.get("env") or ()}
        if f"{PREFIX}NAMESPACE" in variables:
            environ = {name: _literal(entry, metadata) for name, entry in variables.items() if name.startswith(PREFIX)}
            return Installation(f"{metadata['namespace']}/{metadata['name']}", Settings.of(environ))
    return None


def _literal(entry: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    path = ((entry.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath")
    if path == "metadata.namespace":
        return str(metadata["namespace"])
    if entry.get("valueFrom"):
        raise ValueError(f"{entry['name']} is not a literal value")
    return str(entry.get("value", ""))


def has_own_label(deployment: Mapping[str, Any]) -> bool:
    """Tell whether the Deployment itself says whether it is injected: its namespace does not count then."""
    return LABEL in (deployment["metadata"].get("labels") or {})


def namespace_label(namespace: Mapping[str, Any] | None) -> str | None:
    """Return the label of a Namespace that requests injection for its Deployments, or None."""
    label = (((namespace or {}).get("metadata") or {}).get("labels") or {}).get(LABEL)
    return None if label is None else str(label)


def profile_names(deployment: Mapping[str, Any], label: str | None, home: str) -> tuple[tuple[str, str], ...]:
    """Return namespace and name of the OtelProfiles that may count for `deployment`."""
    return profile_keys(deployment["metadata"]["namespace"], wanted(deployment, label) or DEFAULT, home)


def config_map_names(deployment: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the ConfigMaps that containers take variables from."""
    return tuple(sorted(env_from_config_maps(deployment)))


def explain(deployment: Mapping[str, Any], inputs: Inputs) -> Explanation:
    """Explain `deployment`; one without a label is explained as if it had one, and says so."""
    metadata = deployment["metadata"]
    live = {**deployment, "metadata": {"uid": "", **metadata}}
    world, status = _world(inputs), Status.of(metadata)
    name = wanted(live, inputs.namespace_label)
    base = Explanation(
        metadata["namespace"],
        metadata["name"],
        *_outcome(live, name, world, inputs.unread),
        reported=f"{status.state} {status.reason}".strip() if status else "",
        operator=inputs.operator.name if inputs.operator else "",
    )
    if base.outcome in NOTHING_INJECTED:
        return base
    return _with_rows(base, live, _layers(metadata["namespace"], name or DEFAULT, world), world)


def _world(inputs: Inputs) -> World:
    settings = inputs.operator.settings if inputs.operator else None
    rules, grace = (settings.rules, settings.grace) if settings else (UNKNOWN_RULES, World.grace)
    return World(
        rules,
        inputs.home,
        dict(inputs.profiles),
        inputs.namespace_label,
        inputs.config_maps,
        grace=grace,
    )


def _layers(namespace: str, name: str, world: World) -> tuple[Layer, ...]:
    """Return the profiles that are known, valid or not: what a profile that is not known adds is missing."""
    keys = [key for key in profile_keys(namespace, name, world.home) if key in world.profiles]
    return tuple(Layer("/".join(key), read(world.profiles[key], world.rules)) for key in keys)


def _outcome(
    deployment: Mapping[str, Any], name: str | None, world: World, unread: frozenset[tuple[str, str, str]]
) -> tuple[str, str]:
    """Return the outcome, and what the tables below do not say."""
    namespace = deployment["metadata"]["namespace"]
    try:
        find_layers(namespace, name or DEFAULT, world)
    except NotInjected as not_injected:
        if not_injected.state != "Skipped" or not _may_change(namespace, name or DEFAULT, world, unread):
            return not_injected.state, not_injected.reason
        return UNKNOWN, "an OtelProfile is not known; shown without it"
    if name is None and ("Namespace", "", namespace) in unread:
        return UNKNOWN, f"the namespace's label {LABEL} is not known; shown with {LABEL}=true"
    if name is None:
        return NOT_REQUESTED, f"no label {LABEL} on the Deployment or its namespace; shown with {LABEL}=true"
    return _decided(deployment, world)


def _may_change(namespace: str, name: str, world: World, unread: frozenset[tuple[str, str, str]]) -> bool:
    """Tell whether a profile that could not be read may be what is missing."""
    keys = profile_keys(namespace, name, world.home)
    unknown = [key for key in keys if ("OtelProfile", *key) in unread]
    return bool(unknown) and (name == DEFAULT or keys[0] in {*unknown, *world.profiles})


def _decided(deployment: Mapping[str, Any], world: World) -> tuple[str, str]:
    decision = decide(deployment, world)
    if (deployment["metadata"].get("annotations") or {}).get(MODE) == "dry-run":
        return "DryRun", f"{MODE} is dry-run: reported, not injected"
    if decision.reason != "Injected":
        return decision.reason, decision.message
    secrets = ", ".join(sorted(env_from_secrets(deployment)))
    return decision.reason, f"envFrom Secret {secrets} is not read: its variables may hide these" if secrets else ""


def _with_rows(base: Explanation, deployment: Mapping[str, Any], layers: Sequence[Layer], world: World) -> Explanation:
    injection = inject(deployment, layers, world.config_maps)
    return replace(
        base,
        profiles=tuple(layer.source for layer in layers),
        variables=tuple(_variables(deployment, injection)),
        skipped=tuple(_skipped(deployment, injection)),
        attributes=tuple(_attributes(deployment, injection, layers, world)),
    )


def _variables(deployment: Mapping[str, Any], injection: Injection) -> Iterator[Variable]:
    managers = env_managers(deployment)
    for entry in injection.entries:
        owner = ", ".join(managers.get((entry.container, entry.name), ())) or NOT_APPLIED
        yield Variable(entry.container, entry.name, value_text(entry), entry.layer, owner)


def _skipped(deployment: Mapping[str, Any], injection: Injection) -> Iterator[Skipped]:
    managers = env_managers(deployment)
    for left in injection.left_out:
        owner = ", ".join(managers.get((left.container, left.name), ()))
        yield Skipped(left.container, left.name, left.reason, owner)


def value_text(entry: Entry) -> str:
    """Return an entry's value as text; for a field of the pod or a key of a Secret, where it comes from."""
    if entry.value_from is None:
        return entry.value or ""
    if "fieldRef" in entry.value_from:
        return f"<{entry.value_from['fieldRef']['fieldPath']}>"
    reference = entry.value_from["secretKeyRef"]
    return f"<secret {reference['name']}/{reference['key']}>"


def _attributes(
    deployment: Mapping[str, Any], injection: Injection, layers: Sequence[Layer], world: World
) -> Iterator[Attribute]:
    given = {entry.container for entry in injection.entries if entry.name == ATTRIBUTES}
    for container in users_template(deployment)["spec"]["containers"]:
        if container["name"] in given:
            own = attribute_keys(user_says(container, world.config_maps).values.get(ATTRIBUTES) or "")
            for key, (value, layer) in sorted(resource_attributes(deployment, container, layers).items()):
                if key not in own | {"service.name"}:
                    yield Attribute(container["name"], key, value, layer)
