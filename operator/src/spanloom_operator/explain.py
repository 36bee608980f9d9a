"""Explain, without writing, what a Deployment gets: every variable, its value, its layer and its owner, or why not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from spanloom_operator.controller.cleanup import operator_managers
from spanloom_operator.injection.attributes import resource_attributes
from spanloom_operator.injection.decision import decide, requested_profile
from spanloom_operator.injection.environment import inject
from spanloom_operator.injection.user_env import UserEnv
from spanloom_operator.injection.workload import Workload
from spanloom_operator.names import DEFAULT_PROFILE, FIELD_MANAGER_PREFIX, RESOURCE_ATTRIBUTES
from spanloom_operator.profiles.reader import NoProfile, find_layers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from spanloom_operator.injection.decision import Inputs
    from spanloom_operator.injection.environment import Entry, Injection
    from spanloom_operator.profiles.reader import Layer


@dataclass(frozen=True)
class Row:
    """One variable of one container; `why` is set when it is left out."""

    container: str
    name: str
    value: str
    layer: str
    owner: str
    why: str = ""


@dataclass(frozen=True)
class Explanation:
    """What happens to a Deployment and why.

    `attributes` are those of the resource, by container and key.
    """

    deployment: str
    outcome: str
    message: str
    rows: tuple[Row, ...] = ()
    attributes: tuple[Row, ...] = ()

    def json(self) -> dict[str, Any]:
        """Return it as JSON's own types."""
        return asdict(self)


def explain(deployment: Mapping[str, Any], inputs: Inputs) -> Explanation:
    """Explain `deployment`; one without a label is explained as if it had one, and says so."""
    manager = next(iter(operator_managers(deployment["metadata"])), FIELD_MANAGER_PREFIX.rstrip("/"))
    workload = Workload.from_deployment(deployment, manager)
    decision = decide(workload, None, inputs)
    name = requested_profile(workload, inputs)
    outcome = decision.reason if name else "NotAsked"
    message = decision.message if name else "no label asks for it; with spanloom.dev/inject=true it would get"
    about = f"{workload.namespace}/{workload.name}"
    try:
        layers = find_layers(workload.namespace, name or DEFAULT_PROFILE, inputs.home, inputs.profiles, inputs.rules)
    except NoProfile as missing:
        return Explanation(about, missing.state, missing.reason)
    injection = inject(workload, layers, inputs.config_maps)
    rows = tuple(_rows(workload, injection))
    return Explanation(about, outcome, message, rows, tuple(_attributes(workload, injection, layers, inputs)))


def _rows(workload: Workload, injection: Injection) -> Iterator[Row]:
    managers = workload.ownership.managers
    for entry in injection.entries:
        owner = ", ".join(managers(entry.container, entry.name)) or "spanloom, once applied"
        yield Row(entry.container, entry.name, value_text(entry), entry.layer, owner)
    for skipped in injection.skipped:
        owner = ", ".join(managers(skipped.container, skipped.name))
        yield Row(skipped.container, skipped.name, "", "", owner, skipped.reason)


def value_text(entry: Entry) -> str:
    """Return an entry's value as a person reads it; of a secret only where it is."""
    if entry.value_from is None:
        return entry.value or ""
    if "fieldRef" in entry.value_from:
        return f"<{entry.value_from['fieldRef']['fieldPath']}>"
    reference = entry.value_from["secretKeyRef"]
    return f"<secret {reference['name']}/{reference['key']}>"


def _attributes(workload: Workload, injection: Injection, layers: Sequence[Layer], inputs: Inputs) -> Iterator[Row]:
    given = {entry.container for entry in injection.entries if entry.name == RESOURCE_ATTRIBUTES}
    for container in workload.all_containers:
        if container.name in given:
            own = UserEnv.from_container(container, inputs.config_maps).attribute_keys
            for key, (value, layer) in sorted(resource_attributes(workload, container, layers).items()):
                if key not in own | {"service.name"}:
                    yield Row(container.name, key, value, layer, "")
