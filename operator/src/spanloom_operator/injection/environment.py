"""Which variables a workload gets, which it does not get, and why.

The user's configuration always wins: container env, then keys of envFrom ConfigMaps, then annotations and labels, then
the namespace's profile, then the operator's. This is the order of the OpenTelemetry Operator; what differs is that
envFrom counts, that values are percent-encoded, and that every skipped variable has a reason.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from spanloom_operator.injection.agent import INIT_CONTAINER, AgentInjection, place_agent, python_path
from spanloom_operator.injection.attributes import SERVICE_VERSION, VERSION_PATH, resource_attributes
from spanloom_operator.injection.digests import marker_value
from spanloom_operator.injection.pieces import ENV, Body, Piece
from spanloom_operator.injection.user_env import UserEnv
from spanloom_operator.names import AGENT, MARKER, PYTHONPATH, RESOURCE_ATTRIBUTES, SERVICE_NAME, VERSION_LABEL
from spanloom_operator.profiles.reader import section
from spanloom_operator.references import DOWNWARD, references, resolve

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from spanloom_operator.injection.attributes import Attributes
    from spanloom_operator.injection.workload import Container, Workload
    from spanloom_operator.profiles.reader import Layer

ALL_CONTAINERS = "*"
"""In a profile's `containers`: every container but the init containers."""
CERTIFICATES = {
    "OTEL_EXPORTER_OTLP_CERTIFICATE": "ca_file",
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "cert_file",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY": "key_file",
}
SKIP_KINDS = ("container env", "envFrom", "goes with", "service.name")


@dataclass(frozen=True)
class Entry:
    """One environment variable to own, and the `layer` it came from."""

    container: str
    name: str
    layer: str
    value: str | None = None
    value_from: Mapping[str, Any] | None = None

    @property
    def body(self) -> Body:
        """The entry as Kubernetes writes it."""
        if self.value_from is not None:
            return {"name": self.name, "valueFrom": self.value_from}
        return {"name": self.name, "value": self.value}


@dataclass(frozen=True)
class SkippedVariable:
    """What is not written, and why: `name` is a variable, or the agent's, or empty for the whole container."""

    container: str
    name: str
    reason: str

    @property
    def kind(self) -> str:
        """One of a few words, for counting."""
        return next((kind for kind in SKIP_KINDS if kind in self.reason), "other")


@dataclass(frozen=True)
class Injection:
    """The entries to own, in order, the agent, and what was skipped; the empty one removes everything."""

    entries: tuple[Entry, ...] = ()
    skipped: tuple[SkippedVariable, ...] = ()
    agent: AgentInjection | None = None

    @cached_property
    def pieces(self) -> dict[Piece, Body]:
        """Every piece to own."""
        return {**_env_pieces(self.entries), **(self.agent.pieces if self.agent else {})}

    def env(self, container: str) -> list[Body]:
        """Return the entries of one container as Kubernetes writes them."""
        return [entry.body for entry in self.entries if entry.container == container]

    @property
    def containers(self) -> tuple[str, ...]:
        """Names of the containers that get something."""
        return tuple(dict.fromkeys(entry.container for entry in self.entries))


NOTHING = Injection()


def inject(
    workload: Workload,
    layers: Sequence[Layer],
    config_maps: Mapping[str, Mapping[str, str]] | None = None,
    before: Collection[str] = (),
    delivery: str = INIT_CONTAINER,
) -> Injection:
    """Decide what `workload` gets from `layers` (profiles, the most specific one first).

    `config_maps` has the data of the namespace's ConfigMaps by name, at least of those in envFrom. `before` are
    containers that were injected before: the injection stays there when the order of containers changes. `delivery` is
    how the agent comes into the pod.
    """
    chosen, skipped = choose_containers(workload, section(layers, "containers")[0], before)
    users = [(each, UserEnv.from_container(each, config_maps or {})) for each in chosen]
    agent, refused = place_agent(workload, layers, users, delivery)
    skipped += [SkippedVariable(name, AGENT, reason) for name, reason in refused.items()]
    entries = list(_python_paths(workload, agent, users))
    for container, user in users:
        for candidate in _candidates(workload, container, user, layers):
            reason = user.refusal_reason(candidate.name)
            if reason is None or (candidate.name == RESOURCE_ATTRIBUTES and user.joins_attributes):
                entries.append(candidate)
            else:
                skipped.append(SkippedVariable(candidate.container, candidate.name, reason))
    resolved = _resolved(entries)
    return Injection((*resolved, *_markers(resolved, agent, chosen)), tuple(skipped), agent)


def choose_containers(
    workload: Workload, named: Sequence[str], before: Collection[str] = ()
) -> tuple[list[Container], list[SkippedVariable]]:
    """Return the containers to inject, and one line for each name that no container has.

    Those that a profile names; else the pod template's default container, the one injected before, or the first one.
    """
    if not named:
        applied = {piece.container for piece in workload.applied}
        injected = [each for each in workload.containers if each.name in before or each.name in applied]
        default = [each for each in workload.containers if each.name == workload.default_container]
        return list((default or injected or workload.containers)[:1]), []
    names = {each.name for each in workload.all_containers} | {ALL_CONTAINERS}
    missing = [SkippedVariable(name, "", "no container has this name") for name in named if name not in names]
    everything = ALL_CONTAINERS in named
    chosen = [each for each in workload.all_containers if each.name in named or (everything and not each.is_init)]
    return chosen, missing


def _candidates(workload: Workload, container: Container, user: UserEnv, layers: Sequence[Layer]) -> Iterator[Entry]:
    """Yield what a container would get if its owner had set nothing: downward API first, attributes last."""
    name = container.name
    downward = {**DOWNWARD, **({SERVICE_VERSION: VERSION_PATH} if VERSION_LABEL in workload.template_labels else {})}
    for variable, path in downward.items():
        yield Entry(name, variable, "downward API", value_from={"fieldRef": {"apiVersion": "v1", "fieldPath": path}})
    for variable, (value, source) in _profile_values(layers).items():
        yield Entry(name, variable, source, value)
    yield from _exporter(name, layers)
    attributes = resource_attributes(workload, container, layers)
    service, source = attributes.pop("service.name")
    yield Entry(name, SERVICE_NAME, source, service)
    yield Entry(name, RESOURCE_ATTRIBUTES, f"{workload.kind.name} and profiles", _joined(attributes, user))


def _profile_values(layers: Sequence[Layer]) -> dict[str, tuple[str, str]]:
    """Return literal variables by name, each with its source; the first profile that has one decides it."""
    found: dict[str, tuple[str, str]] = {}
    for layer in layers:
        for variable in layer.profile.env:
            found.setdefault(variable.name, (variable.value, layer.source))
        for signal in ("traces", "metrics", "logs"):
            if exporter := getattr(layer.profile.exporters, signal):
                found.setdefault(f"OTEL_{signal.upper()}_EXPORTER", (exporter, layer.source))
    propagators, source = section(layers, "propagators")
    if propagators:
        found["OTEL_PROPAGATORS"] = ",".join(propagators), source
    sampler, source = section(layers, "sampler")
    if sampler:
        found["OTEL_TRACES_SAMPLER"] = sampler.type, source
        found |= {"OTEL_TRACES_SAMPLER_ARG": (sampler.argument, source)} if sampler.argument else {}
    return found


def _exporter(container: str, layers: Sequence[Layer]) -> Iterator[Entry]:
    exporter, source = section(layers, "exporter")
    if not exporter:
        return
    yield Entry(container, "OTEL_EXPORTER_OTLP_ENDPOINT", source, exporter.endpoint)
    yield Entry(container, "OTEL_EXPORTER_OTLP_PROTOCOL", source, exporter.protocol)
    if exporter.timeout:
        yield Entry(container, "OTEL_EXPORTER_OTLP_TIMEOUT", source, str(exporter.timeout))
    for variable, field in CERTIFICATES.items():
        if path := getattr(exporter.tls, field, None):
            yield Entry(container, variable, source, path)
    if exporter.headers:
        key = exporter.headers.secret_key_ref
        # optional: a Secret that does not exist must not keep the container from starting.
        reference = {"secretKeyRef": {"name": key.name, "key": key.key, "optional": True}}
        yield Entry(container, "OTEL_EXPORTER_OTLP_HEADERS", source, value_from=reference)


def _joined(attributes: Attributes, user: UserEnv) -> str:
    pairs = [f"{key}={value}" for key, (value, _) in sorted(attributes.items()) if key not in user.attribute_keys]
    # Kubernetes resolves the reference to the value of envFrom, since ours is not defined yet.
    return ",".join([*pairs, f"$({RESOURCE_ATTRIBUTES})"] if user.values.get(RESOURCE_ATTRIBUTES) else pairs)


def _resolved(entries: Sequence[Entry]) -> list[Entry]:
    """Resolve references inside each profile, and put what still refers to others last."""
    groups: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for entry in entries:
        if entry.value is not None and entry.name != RESOURCE_ATTRIBUTES:
            groups[entry.container, entry.layer][entry.name] = entry.value
    resolved = {group: resolve(literals) for group, literals in groups.items()}
    done = [_with_value(entry, resolved.get((entry.container, entry.layer), {})) for entry in entries]
    return sorted(done, key=lambda entry: bool(references(entry.value or "")))


def _with_value(entry: Entry, values: Mapping[str, str]) -> Entry:
    value = values.get(entry.name, entry.value)
    return entry if value == entry.value else replace(entry, value=value)


def _python_paths(
    workload: Workload, agent: AgentInjection | None, users: Sequence[tuple[Container, UserEnv]]
) -> Iterator[Entry]:
    """Yield PYTHONPATH for each container with the agent, unless the user's contains it already."""
    for container, user in users if agent else ():
        if agent and container.name in agent.placed.containers and PYTHONPATH not in user.places:
            yield Entry(container.name, PYTHONPATH, agent.source, python_path(workload))


def _env_pieces(entries: Sequence[Entry]) -> dict[Piece, Body]:
    return {Piece(ENV, entry.container, entry.name): entry.body for entry in entries}


def _markers(entries: Sequence[Entry], agent: AgentInjection | None, chosen: Sequence[Container]) -> Iterator[Entry]:
    """Yield for each container with entries the marker that recognizes them, and the agent's pieces, in a copy."""
    env, of_agent = _env_pieces(entries), agent.pieces if agent else {}
    for container in chosen:
        pieces = {piece: body for piece, body in env.items() if piece.container == container.name}
        if agent and container.name in agent.placed.containers:
            pieces |= {piece: body for piece, body in of_agent.items() if piece.container in {container.name, ""}}
        if pieces and not any(entry["name"] == MARKER for entry in container.user_env):
            yield Entry(container.name, MARKER, "operator", marker_value(pieces))
