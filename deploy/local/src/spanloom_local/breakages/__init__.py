"""Faults to learn from: what each changes in the services, and the applications that contain them.

`table.json` has the changes by breakage and service: `module` starts `create_app` of that module of this package
instead of the service's own, `env` sets variables, `replicas: 0` stops the service. The chart helm/users links these
files and reads the same table. The services themselves contain nothing of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Change:
    """What a breakage changes in one service; by default nothing."""

    module: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    replicas: int = 1

    def application(self, default: str) -> str:
        """Return the module with `create_app`: that of the breakage if it has one, else `default`."""
        return f"{__name__}.{self.module}" if self.module else default


UNCHANGED = Change()


def load_table() -> dict[str, dict[str, Change]]:
    """Return the changes by name of the breakage and of the service."""
    table = json.loads(files(__name__).joinpath("table.json").read_text())
    return {
        name: {service: _change(name, **change) for service, change in services.items()}
        for name, services in table.items()
    }


def _change(name: str, module: str = "", env: Mapping[str, str] | None = None, replicas: int = 1) -> Change:
    """Return a change; the variable BREAKAGE selects the fault of its module."""
    return Change(module, ({"BREAKAGE": name} if module else {}) | dict(env or {}), replicas)


BREAKAGES = load_table()


def restarts(before: str, after: str) -> dict[str, Change]:
    """Return the services that are to start again from one breakage to another ("": none), each with its change.

    users-db-service is the first: users-api is ready without it, and its requests fail meanwhile.
    """
    old, new = BREAKAGES.get(before, {}), BREAKAGES.get(after, {})
    return {
        service: new.get(service, UNCHANGED)
        for service in ("users-db-service", "users-api")
        if old.get(service, UNCHANGED) != new.get(service, UNCHANGED)
    }
