"""What the user configures in one container, and which variables the operator must therefore not write."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spanloom_operator.names import RESOURCE_ATTRIBUTES, SERVICE_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spanloom_operator.injection.workload import Container

# Variables that only make sense together: a user who sets one sets all of them. A header that contains a key must
# not travel to an endpoint the user chose.
UNITS = (
    re.compile(r"OTEL_EXPORTER_OTLP_([A-Z]+_)?(ENDPOINT|PROTOCOL|HEADERS|CERTIFICATE|CLIENT_KEY|CLIENT_CERTIFICATE)"),
    re.compile(r"OTEL_TRACES_SAMPLER(_ARG)?"),
)


@dataclass(frozen=True)
class UserEnv:
    """The user's variables in one container: literal values by name (None: not a literal), and where each is set."""

    values: Mapping[str, str | None]
    places: Mapping[str, str]

    @classmethod
    def from_container(cls, container: Container, config_maps: Mapping[str, Mapping[str, str]]) -> UserEnv:
        """Collect env and envFrom; an entry of env hides the same key of envFrom, as in Kubernetes."""
        values: dict[str, str | None] = {}
        places: dict[str, str] = {}
        for source in container.env_from:
            name = (source.get("configMapRef") or {}).get("name", "")
            for key, value in config_maps.get(name, {}).items():
                variable = source.get("prefix", "") + key
                values[variable], places[variable] = value, f"envFrom ConfigMap {name}"
        for entry in container.user_env:
            values[entry["name"]] = None if "valueFrom" in entry else entry.get("value", "")
            places[entry["name"]] = "container env"
        return cls(values, places)

    def refusal_reason(self, name: str) -> str | None:
        """Return why the operator must not write `name`, or None."""
        if name in self.places:
            return f"{self.places[name]} has it"
        for unit in UNITS:
            if unit.fullmatch(name) and (set_by := sorted(other for other in self.places if unit.fullmatch(other))):
                return f"it goes with {set_by[0]}, which {self.places[set_by[0]]} has"
        return self._other_service_name() if name == SERVICE_NAME else None

    @property
    def joins_attributes(self) -> bool:
        """True when OTEL_RESOURCE_ATTRIBUTES comes from envFrom with a known value: it can be extended."""
        place = self.places.get(RESOURCE_ATTRIBUTES, "")
        return place.startswith("envFrom") and self.values[RESOURCE_ATTRIBUTES] is not None

    @property
    def attribute_keys(self) -> frozenset[str]:
        """Keys of the user's OTEL_RESOURCE_ATTRIBUTES."""
        return attribute_keys(self.values.get(RESOURCE_ATTRIBUTES) or "")

    def _other_service_name(self) -> str | None:
        if RESOURCE_ATTRIBUTES not in self.places:
            return None
        place = self.places[RESOURCE_ATTRIBUTES]
        if self.values[RESOURCE_ATTRIBUTES] is None:
            return f"{RESOURCE_ATTRIBUTES} of {place} may have service.name and cannot be read"
        return f"{RESOURCE_ATTRIBUTES} of {place} has service.name" if "service.name" in self.attribute_keys else None


def attribute_keys(value: str) -> frozenset[str]:
    """Return the keys of an OTEL_RESOURCE_ATTRIBUTES value."""
    return frozenset(pair.split("=", 1)[0].strip() for pair in value.split(",") if "=" in pair)
