"""The API server in memory against the real one: pieces of the agent that users change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from e2e.operator.test_double import Story, both, shop
from support.builders.strategies import AGENT, PLATFORM, layer

from spanloom_operator.injection.environment import NOTHING, inject
from spanloom_operator.injection.managed_fields import changed_owners

if TYPE_CHECKING:
    from e2e.operator.test_double import Edit, InMemory, Real
    from support.cluster.kube import Kube, Object

    from spanloom_operator.kube.api import Api

LAYERS = [layer(**AGENT), PLATFORM]


def pod(its: Object) -> Object:
    found: Object = its["spec"]["template"]["spec"]
    return found


def change_image(its: Object) -> None:
    pod(its)["initContainers"][0]["image"] = "mirror/agent:1"


def change_size(its: Object) -> None:
    pod(its)["volumes"][0]["emptyDir"]["sizeLimit"] = "1Gi"


def change_mount(its: Object) -> None:
    pod(its)["containers"][0]["volumeMounts"][0]["readOnly"] = False


def remove_init_container(its: Object) -> None:
    del pod(its)["initContainers"]


def add_sidecar(its: Object) -> None:
    mounts = [{"name": "spanloom-agent", "mountPath": "/shared"}]
    pod(its)["containers"].append({"name": "sidecar", "image": "none:0", "volumeMounts": mounts})


async def taken_over(api: Api, users: Real | InMemory, edit: Edit) -> list[object]:
    """Inject the agent, let a user change something, hand over what is taken, inject again, and withdraw."""
    users.put(shop(users.path.split("/")[5]))
    story = Story(api, users)
    found = await story.look()
    await story.apply(found, inject(found, LAYERS))
    await story.look()
    users.change(edit)
    found = await story.look()
    if found.handover.taken:
        found = await story.change_owners(found, changed_owners(found))
    await story.apply(found, inject(found, LAYERS))
    found = await story.look()
    await story.apply(found, NOTHING)
    found = await story.look()
    story.left.append(sorted(found.live))
    return story.left


EDITS = [change_image, change_size, change_mount, remove_init_container, add_sidecar]


@pytest.mark.parametrize("edit", EDITS)
def test_pieces_that_users_change(kube: Kube, edit: Edit) -> None:
    """What a user changes stays on either API server, neither refuses a write, and the rest goes with the label."""
    expected, actual = both(kube, lambda api, users: taken_over(api, users, edit))
    assert expected == actual
