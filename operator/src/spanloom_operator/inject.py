"""What a Deployment gets and what it does not, and why: a pure function of the Deployment and its profiles.

The user's own always wins: container env, then keys of envFrom ConfigMaps, then the Deployment's annotations, its
labels and what the cluster knows of it, then the namespace's profile, then the operator's. This is the order of the
OpenTelemetry Operator; what differs is that envFrom counts, that values are percent-encoded, and that every
variable left out has a reason.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from spanloom_operator.ownership import users_template
from spanloom_operator.references import DOWNWARD, NODE_NAME, POD_NAME, POD_UID, references, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from spanloom_operator.profile import Layer

ANNOTATION = "resource.opentelemetry.io/"
LABEL = "app.kubernetes.io/"
ATTRIBUTES, NAME = "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME"
# Variables that only make sense together: whoever says one of them says all of them. A header that holds a key must
# not travel to an endpoint the user chose.
UNITS = (
    re.compile(r"OTEL_EXPORTER_OTLP_([A-Z]+_)?(ENDPOINT|PROTOCOL|HEADERS|CERTIFICATE|CLIENT_KEY|CLIENT_CERTIFICATE)"),
    re.compile(r"OTEL_TRACES_SAMPLER(_ARG)?"),
)
CERTIFICATES = {
    "OTEL_EXPORTER_OTLP_CERTIFICATE": "ca_file",
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "cert_file",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY": "key_file",
}


@dataclass(frozen=True)
class Entry:
    """One environment variable to own, and the `layer` it came from."""

    container: str
    name: str
    layer: str
    value: str | None = None
    value_from: Mapping[str, Any] | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The entry as Kubernetes writes it."""
        if self.value_from is not None:
            return {"name": self.name, "valueFrom": self.value_from}
        return {"name": self.name, "value": self.value}


@dataclass(frozen=True)
class LeftOut:
    """One variable that is not written, and why. `name` is empty when it concerns the whole container."""

    container: str
    name: str
    reason: str

    @property
    def kind(self) -> str:
        """One of a few words, for counting."""
        return next(
            (word for word in ("container env", "envFrom", "goes with", "service.name") if word in self.reason), "other"
        )


@dataclass(frozen=True)
class Injection:
    """The entries to own, in order, and what was left out; the empty one takes everything back."""

    entries: tuple[Entry, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def env(self, container: str) -> list[dict[str, Any]]:
        """Entries of one container as Kubernetes writes them."""
        return [entry.body for entry in self.entries if entry.container == container]

    @property
    def containers(self) -> tuple[str, ...]:
        """Names of the containers that get something."""
        return tuple(dict.fromkeys(entry.container for entry in self.entries))


@dataclass(frozen=True)
class Own:
    """What the user says in one container: literals by name (None: not a literal), and where each is said."""

    values: Mapping[str, str | None]
    places: Mapping[str, str]

    def objection(self, name: str) -> str | None:
        """Return why `name` is not ours to write, or None."""
        if name in self.places:
            return f"{self.places[name]} has it"
        for unit in UNITS:
            if unit.fullmatch(name) and (said := sorted(other for other in self.places if unit.fullmatch(other))):
                return f"it goes with {said[0]}, which {self.places[said[0]]} has"
        return self._named_already() if name == NAME else None

    def _named_already(self) -> str | None:
        if ATTRIBUTES not in self.places:
            return None
        if self.values[ATTRIBUTES] is None:
            return f"{ATTRIBUTES} of {self.places[ATTRIBUTES]} may hold service.name and cannot be read"
        named = "service.name" in attribute_keys(self.values[ATTRIBUTES] or "")
        return f"{ATTRIBUTES} of {self.places[ATTRIBUTES]} has service.name" if named else None


def inject(
    deployment: Mapping[str, Any],
    layers: Sequence[Layer],
    config_maps: Mapping[str, Mapping[str, str]] | None = None,
) -> Injection:
    """Decide what `deployment` gets from `layers` (profiles, the most particular first).

    `config_maps` holds the data of the namespace's ConfigMaps by name, at least of those the containers take their
    env from. What the operator itself added before is not there: the outcome is the same as the first time.
    """
    containers = users_template(deployment)["spec"]["containers"]
    chosen, left_out = _choose(containers, _section(layers, "containers")[0])
    entries: list[Entry] = []
    for container in chosen:
        own = user_says(container, config_maps or {})
        for candidate in _candidates(deployment, container, own, layers):
            reason = own.objection(candidate.name)
            # The one variable that can carry both: ours first, then what envFrom says, which wins.
            if reason is None or _joins(candidate, own):
                entries.append(candidate)
            else:
                left_out.append(LeftOut(candidate.container, candidate.name, reason))
    return Injection(tuple(_resolved(entries)), tuple(left_out))


def user_says(container: Mapping[str, Any], config_maps: Mapping[str, Mapping[str, str]]) -> Own:
    """Collect what the user says in `container`; an entry of env hides the same key of envFrom, as in Kubernetes."""
    values: dict[str, str | None] = {}
    places: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        name = (source.get("configMapRef") or {}).get("name", "")
        for key, value in config_maps.get(name, {}).items():
            variable = source.get("prefix", "") + key
            values[variable], places[variable] = value, f"envFrom ConfigMap {name}"
    for entry in container.get("env") or ():
        values[entry["name"]] = None if "valueFrom" in entry else entry.get("value", "")
        places[entry["name"]] = "container env"
    return Own(values, places)


def attribute_keys(value: str) -> frozenset[str]:
    """Keys of an OTEL_RESOURCE_ATTRIBUTES value."""
    return frozenset(pair.split("=", 1)[0].strip() for pair in value.split(",") if "=" in pair)


def env_from_config_maps(deployment: Mapping[str, Any]) -> frozenset[str]:
    """Names of the ConfigMaps from which containers take their whole environment."""
    return frozenset(_sources(deployment, "configMapRef"))


def env_from_secrets(deployment: Mapping[str, Any]) -> frozenset[str]:
    """Names of the Secrets likewise: the operator may not read them, so what they say cannot be respected."""
    return frozenset(_sources(deployment, "secretRef"))


def _sources(deployment: Mapping[str, Any], kind: str) -> Iterator[str]:
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        yield from (source[kind]["name"] for source in container.get("envFrom") or () if source.get(kind))


def _choose(containers: Sequence[Mapping[str, Any]], wanted: Sequence[str]) -> tuple[list[Any], list[LeftOut]]:
    """Pick the first container, all of them ("*"), or those named; a name that is not there is said, not guessed."""
    if not wanted:
        return list(containers[:1]), []
    names = [container["name"] for container in containers]
    missing = [LeftOut(name, "", "no container has this name") for name in wanted if name not in {*names, "*"}]
    return [container for container in containers if "*" in wanted or container["name"] in wanted], missing


def _section(layers: Sequence[Layer], name: str) -> tuple[Any, str]:
    for layer in layers:
        if section := getattr(layer.profile, name):
            return section, layer.source
    return (), ""


def _joins(candidate: Entry, own: Own) -> bool:
    place = own.places.get(ATTRIBUTES, "")
    return candidate.name == ATTRIBUTES and place.startswith("envFrom") and own.values[ATTRIBUTES] is not None


def _candidates(
    deployment: Mapping[str, Any], container: Mapping[str, Any], own: Own, layers: Sequence[Layer]
) -> Iterator[Entry]:
    """Everything a container would get if its owner had said nothing: downward API first, attributes last."""
    name = container["name"]
    for variable, path in DOWNWARD.items():
        yield Entry(name, variable, "downward API", value_from={"fieldRef": {"apiVersion": "v1", "fieldPath": path}})
    for variable, (value, source) in _profile_values(layers).items():
        yield Entry(name, variable, source, value)
    yield from _exporter(name, layers)
    attributes = resource_attributes(deployment, container, layers)
    service, source = attributes.pop("service.name")
    yield Entry(name, NAME, source, service)
    yield Entry(name, ATTRIBUTES, "Deployment and profiles", _joined(attributes, own))


def _profile_values(layers: Sequence[Layer]) -> dict[str, tuple[str, str]]:
    """Literal variables by name, each with its source; the first layer that says one decides it."""
    found: dict[str, tuple[str, str]] = {}
    for layer in layers:
        for variable in layer.profile.env:
            found.setdefault(variable.name, (variable.value, layer.source))
        for signal in ("traces", "metrics", "logs"):
            if exporter := getattr(layer.profile.exporters, signal):
                found.setdefault(f"OTEL_{signal.upper()}_EXPORTER", (exporter, layer.source))
    propagators, source = _section(layers, "propagators")
    if propagators:
        found["OTEL_PROPAGATORS"] = ",".join(propagators), source
    sampler, source = _section(layers, "sampler")
    if sampler:
        found["OTEL_TRACES_SAMPLER"] = sampler.type, source
        found |= {"OTEL_TRACES_SAMPLER_ARG": (sampler.argument, source)} if sampler.argument else {}
    return found


def _exporter(container: str, layers: Sequence[Layer]) -> Iterator[Entry]:
    exporter, source = _section(layers, "exporter")
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
        # optional: a Secret that is not there must not keep the container from starting.
        reference = {"secretKeyRef": {"name": key.name, "key": key.key, "optional": True}}
        yield Entry(container, "OTEL_EXPORTER_OTLP_HEADERS", source, value_from=reference)


def resource_attributes(
    deployment: Mapping[str, Any], container: Mapping[str, Any], layers: Sequence[Layer]
) -> dict[str, tuple[str, str]]:
    """Attributes of one container, ready for the variable (percent-encoded), each with the layer it came from.

    Names and order: semantic conventions, "Specify resource attributes using Kubernetes annotations"; without
    app.kubernetes.io/instance, which all Deployments of one Helm release share.
    """
    found: dict[str, tuple[str, str]] = {}
    for layer in reversed(layers):
        for key, value in layer.profile.resource.resource_attributes.items():
            found[key] = encode(value), layer.source
    found |= _known(deployment["metadata"], container)
    found |= _labelled(deployment["metadata"].get("labels") or {})
    for annotation, value in (deployment["metadata"].get("annotations") or {}).items():
        if annotation.startswith(ANNOTATION):
            found[annotation.removeprefix(ANNOTATION)] = encode(value), f"annotation {annotation}"
    # OTEL_SERVICE_NAME is taken as it stands, not decoded: its only danger is a reference.
    found["service.name"] = _service_name(deployment["metadata"])
    return found


def encode(value: str) -> str:
    """Percent-encode an attribute's value so that `,`, `=`, spaces and `$(` are nothing but text."""
    return quote(value, safe="/:@")


def _known(metadata: Mapping[str, Any], container: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    namespace, name = metadata["namespace"], container["name"]
    known = {
        "service.namespace": (namespace, "Deployment"),
        "service.instance.id": (f"{namespace}.$({POD_NAME}).{name}", "downward API"),
        "k8s.namespace.name": (namespace, "Deployment"),
        "k8s.deployment.name": (metadata["name"], "Deployment"),
        "k8s.container.name": (name, "Deployment"),
        "k8s.pod.name": (f"$({POD_NAME})", "downward API"),
        "k8s.pod.uid": (f"$({POD_UID})", "downward API"),
        "k8s.node.name": (f"$({NODE_NAME})", "downward API"),
    }
    version = image_tag(container.get("image", ""))
    return known | ({"service.version": (encode(version), "image")} if version else {})


def _labelled(labels: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    version = labels.get(f"{LABEL}version")
    return {"service.version": (encode(version), f"label {LABEL}version")} if version else {}


def _service_name(metadata: Mapping[str, Any]) -> tuple[str, str]:
    annotation, label = f"{ANNOTATION}service.name", f"{LABEL}name"
    if name := (metadata.get("annotations") or {}).get(annotation):
        return name.replace("$", "$$"), f"annotation {annotation}"
    if name := (metadata.get("labels") or {}).get(label):
        return name, f"label {label}"
    return metadata["name"], "Deployment"


def image_tag(image: str) -> str | None:
    """Return the tag in `registry:5000/path/name:tag@digest`, or None."""
    match = re.fullmatch(r"(?:.*/)?[^/:@]+:([^/:@]+)(?:@.*)?", image)
    return match[1] if match else None


def _joined(attributes: Mapping[str, tuple[str, str]], own: Own) -> str:
    theirs = own.values.get(ATTRIBUTES)
    said = attribute_keys(theirs or "")
    pairs = [f"{key}={value}" for key, (value, _) in sorted(attributes.items()) if key not in said]
    # Kubernetes resolves the name to what envFrom gave it, since ours is not defined yet.
    return ",".join([*pairs, f"$({ATTRIBUTES})"] if theirs else pairs)


def _resolved(entries: Sequence[Entry]) -> list[Entry]:
    """Resolve references inside each profile, and put what still refers to others last."""
    groups: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for entry in entries:
        if entry.value is not None and entry.name != ATTRIBUTES:
            groups[entry.container, entry.layer][entry.name] = entry.value
    values = {group: resolve(literals) for group, literals in groups.items()}
    done = [
        entry
        if entry.value is None or entry.name == ATTRIBUTES
        else replace(entry, value=values[entry.container, entry.layer][entry.name])
        for entry in entries
    ]
    return sorted(done, key=lambda entry: bool(references(entry.value or "")))
