"""An injection as the rows of an Explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanloom_operator.explain.explanation import Attribute, Mount, Skipped, Variable
from spanloom_operator.injection.attributes import resource_attributes
from spanloom_operator.injection.pieces import ENV, MOUNTS, Piece
from spanloom_operator.injection.user_env import UserEnv
from spanloom_operator.names import AGENT_MOUNT, RESOURCE_ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spanloom_operator.injection.decision import Inputs
    from spanloom_operator.injection.environment import Entry, Injection
    from spanloom_operator.injection.workload import Workload
    from spanloom_operator.profiles.reader import Layer

NOT_APPLIED = "not applied yet"


def agent_rows(workload: Workload, injection: Injection) -> Iterator[Mount]:
    """Yield the agent in each container that has it."""
    if injection.agent is None:
        return
    placed, source = injection.agent.placed, injection.agent.source
    for name in placed.containers:
        owner = _owner(workload, Piece(MOUNTS, name, AGENT_MOUNT)) or NOT_APPLIED
        yield Mount(name, AGENT_MOUNT, placed.image, placed.delivery, source, owner)


def _owner(workload: Workload, piece: Piece) -> str:
    return ", ".join(workload.ownership.managers(piece))


def variables_rows(workload: Workload, injection: Injection) -> Iterator[Variable]:
    """Yield every injected variable."""
    for entry in injection.entries:
        owner = _owner(workload, Piece(ENV, entry.container, entry.name)) or NOT_APPLIED
        yield Variable(entry.container, entry.name, value_text(entry), entry.layer, owner)


def skipped_rows(workload: Workload, injection: Injection) -> Iterator[Skipped]:
    """Yield what is not injected."""
    for skipped in injection.skipped:
        owner = _owner(workload, Piece(ENV, skipped.container, skipped.name))
        yield Skipped(skipped.container, skipped.name, skipped.reason, owner)


def value_text(entry: Entry) -> str:
    """Return an entry's value as text; for a field of the pod or a key of a Secret, where it comes from."""
    if entry.value_from is None:
        return entry.value or ""
    if "fieldRef" in entry.value_from:
        return f"<{entry.value_from['fieldRef']['fieldPath']}>"
    reference = entry.value_from["secretKeyRef"]
    return f"<secret {reference['name']}/{reference['key']}>"


def attributes_rows(
    workload: Workload, injection: Injection, layers: Sequence[Layer], given: Inputs
) -> Iterator[Attribute]:
    """Yield the resource attributes of every container that gets them."""
    injected = {entry.container for entry in injection.entries if entry.name == RESOURCE_ATTRIBUTES}
    for container in workload.all_containers:
        if container.name in injected:
            own = UserEnv.from_container(container, given.config_maps).attribute_keys
            for key, (value, layer) in sorted(resource_attributes(workload, container, layers).items()):
                if key not in own | {"service.name"}:
                    yield Attribute(container.name, key, value, layer)
