"""Explain, without writing, what a Deployment gets: every variable, its value, its layer and its owner, or why not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from spanloom_operator.apply import Status
from spanloom_operator.decide import DEFAULT, MODE, NotInjected, decide, find_layers, wanted
from spanloom_operator.inject import ATTRIBUTES, attribute_keys, inject, resource_attributes, user_says
from spanloom_operator.ownership import MANAGER, env_managers, users_template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from spanloom_operator.decide import World
    from spanloom_operator.inject import Entry, Injection
    from spanloom_operator.profile import Layer


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
    """What happens to a Deployment and why. `annotated` is what the operator said last.

    `attributes` are those of the resource, by container and key.
    """

    deployment: str
    outcome: str
    message: str
    annotated: str = ""
    rows: tuple[Row, ...] = ()
    attributes: tuple[Row, ...] = ()

    def json(self) -> dict[str, Any]:
        """Return it as JSON's own types."""
        return asdict(self)


def explain(deployment: Mapping[str, Any], world: World) -> Explanation:
    """Explain `deployment`; one without a label is explained as if it had one, and says so."""
    decision = decide(deployment, world)
    name = wanted(deployment, world.namespace_label)
    status = Status.of(deployment["metadata"])
    annotated = f"{status.state} {status.reason}".strip() if status else ""
    outcome = decision.reason if name else "NotAsked"
    message = decision.message if name else "no label asks for it; with spanloom.dev/inject=true it would get"
    about = f"{deployment['metadata']['namespace']}/{deployment['metadata']['name']}"
    try:
        layers = find_layers(deployment["metadata"]["namespace"], name or DEFAULT, world)
    except NotInjected as not_injected:
        return Explanation(about, not_injected.state, not_injected.reason, annotated)
    injection = inject(deployment, layers, world.config_maps)
    rows = tuple(_rows(deployment, injection))
    if (deployment["metadata"].get("annotations") or {}).get(MODE) == "dry-run":
        outcome = "DryRun"
    return Explanation(
        about, outcome, message, annotated, rows, tuple(_attributes(deployment, injection, layers, world))
    )


def _rows(deployment: Mapping[str, Any], injection: Injection) -> Iterator[Row]:
    managers = env_managers(deployment)
    for entry in injection.entries:
        owner = ", ".join(managers.get((entry.container, entry.name), ())) or f"{MANAGER}, once applied"
        yield Row(entry.container, entry.name, value_text(entry), entry.layer, owner)
    for left in injection.left_out:
        owner = ", ".join(managers.get((left.container, left.name), ()))
        yield Row(left.container, left.name, "", "", owner, left.reason)


def value_text(entry: Entry) -> str:
    """Return an entry's value as a person reads it; of a secret only where it is."""
    if entry.value_from is None:
        return entry.value or ""
    if "fieldRef" in entry.value_from:
        return f"<{entry.value_from['fieldRef']['fieldPath']}>"
    reference = entry.value_from["secretKeyRef"]
    return f"<secret {reference['name']}/{reference['key']}>"


def _attributes(
    deployment: Mapping[str, Any], injection: Injection, layers: Sequence[Layer], world: World
) -> Iterator[Row]:
    given = {entry.container for entry in injection.entries if entry.name == ATTRIBUTES}
    for container in users_template(deployment)["spec"]["containers"]:
        if container["name"] in given:
            own = attribute_keys(user_says(container, world.config_maps).values.get(ATTRIBUTES) or "")
            for key, (value, layer) in sorted(resource_attributes(deployment, container, layers).items()):
                if key not in own | {"service.name"}:
                    yield Row(container["name"], key, value, layer, "")
