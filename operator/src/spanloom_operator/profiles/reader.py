"""From the spec of an OtelProfile to a Profile, or to the list of its errors; and the profiles of one Deployment."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from spanloom_operator.names import DEFAULT_PROFILE
from spanloom_operator.profiles.model import Profile, check_agent_protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spanloom_operator.profiles.rules import Rules

Specs = dict[tuple[str, str], dict[str, Any]]
"""Specs of OtelProfiles by (namespace, name)."""


class InvalidProfile(ValueError):  # noqa: N818 - reads as what it is: `except InvalidProfile`
    """A profile that must not be injected; `problems` contains every error, one line each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class NoProfile(Exception):  # noqa: N818 - an outcome, not an error
    """No profile can be injected: `state` is Skipped or Invalid, `reason` one line."""

    def __init__(self, state: str, reason: str) -> None:
        super().__init__(reason)
        self.state, self.reason = state, reason


@dataclass(frozen=True)
class Layer:
    """A profile and its `namespace/name`."""

    source: str
    profile: Profile = field(default_factory=Profile)


def read(spec: Mapping[str, Any], rules: Rules) -> Profile:
    """Validate the `spec` of an OtelProfile; InvalidProfile names every error with path, value and expectation."""
    try:
        return _read(json.dumps(spec), rules)
    except ValidationError as error:
        raise InvalidProfile(tuple(_line(problem) for problem in error.errors(include_url=False))) from None


def profile_keys(namespace: str, name: str, home: str) -> tuple[tuple[str, str], ...]:
    """Return namespace and name of the profiles that apply: the namespace's, then the operator's default."""
    return tuple(dict.fromkeys([(namespace, name), (home, DEFAULT_PROFILE)]))


def find_layers(namespace: str, name: str, home: str, specs: Specs, rules: Rules) -> tuple[Layer, ...]:
    """Read the profiles that apply; NoProfile when the named one is missing or any is invalid."""
    if name != DEFAULT_PROFILE and (namespace, name) not in specs:
        raise NoProfile("Skipped", f"there is no OtelProfile {name} in namespace {namespace}")
    keys = [key for key in profile_keys(namespace, name, home) if key in specs]
    layers = tuple(_layer(key, specs[key], rules) for key in keys)
    if not any(layer.profile.exporter for layer in layers):
        looked = f"looked for {name} in namespace {namespace} and {DEFAULT_PROFILE} in namespace {home}"
        raise NoProfile("Skipped", f"no OtelProfile has an exporter ({looked})")
    _check_together(layers)
    return layers


def section(layers: Sequence[Layer], name: str) -> tuple[Any, str]:
    """Return a section of the first profile that has it, and that profile's name."""
    for layer in layers:
        if found := getattr(layer.profile, name):
            return found, layer.source
    return (), ""


def _check_together(layers: Sequence[Layer]) -> None:
    """NoProfile when sections of two profiles contradict each other."""
    (agent, source), (exporter, other) = section(layers, "agent"), section(layers, "exporter")
    try:
        check_agent_protocol(agent or None, exporter)
    except ValueError as error:
        raise NoProfile("Invalid", f"OtelProfile {source} is invalid with {other}: spec.{error}") from None


def _layer(key: tuple[str, str], spec: Mapping[str, Any], rules: Rules) -> Layer:
    source = "/".join(key)
    try:
        return Layer(source, read(spec, rules))
    except InvalidProfile as invalid:
        raise NoProfile("Invalid", f"OtelProfile {source} is invalid: {invalid}") from None


@lru_cache(maxsize=256)  # a profile is read for each of its Deployments
def _read(spec: str, rules: Rules) -> Profile:
    return Profile.model_validate_json(spec, context=rules)


def _line(problem: Any) -> str:
    path = ".".join(("spec", *(str(part) for part in problem["loc"])))
    value = "" if isinstance(problem["input"], dict) else f" {problem['input']!r}"
    return f"{path}{value}: {problem['msg'].removeprefix('Value error, ')}"
