"""`$(NAME)` in environment values: who refers to whom, and what is left when each reference is resolved.

Entries of a list keep the place they have once server-side apply has put them there, so an order that is right
for one profile may be wrong for its next version. References inside a profile are therefore resolved here, and
only those to variables that stand before ours remain.
"""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# What the operator takes from the downward API, before all else: values may refer to it.
POD_NAME, POD_UID, NODE_NAME = (f"OTEL_RESOURCE_ATTRIBUTES_{what}" for what in ("POD_NAME", "POD_UID", "NODE_NAME"))
DOWNWARD = {POD_NAME: "metadata.name", POD_UID: "metadata.uid", NODE_NAME: "spec.nodeName"}
# "$$(NAME)" is Kubernetes' way to write "$(NAME)" literally; "$$$(NAME)" is a dollar sign and a reference.
REFERENCE = re.compile(r"\$\$|\$\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)")


def references(value: str) -> frozenset[str]:
    """Names that Kubernetes would expand in `value`."""
    return frozenset(match[1] for match in REFERENCE.finditer(value) if match[1])


def resolve(values: Mapping[str, str]) -> dict[str, str]:
    """Replace references among `values` by what they stand for; ValueError when they run in a circle."""
    uses = {name: references(value) & values.keys() for name, value in values.items()}
    resolved = dict(values)
    try:
        for name in TopologicalSorter(uses).static_order():
            resolved[name] = REFERENCE.sub(lambda match: resolved.get(match[1], match[0]), values[name])
    except CycleError as error:
        raise ValueError(f"env: {' refers to '.join(error.args[1])}") from None
    return resolved
