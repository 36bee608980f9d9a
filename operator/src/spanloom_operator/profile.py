"""OtelProfile: what a platform team decides about telemetry, checked before it reaches anybody's application.

A profile can never keep an application from starting, nor send its data to a stranger. What the SDK for Python
would choke on (an unknown propagator), misread (a timeout in milliseconds) or silently give up on (an unknown
exporter) is refused here, all problems at once.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, model_validator
from pydantic.alias_generators import to_camel

from spanloom_operator.references import DOWNWARD, references, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP, VERSION, PLURAL = "spanloom.dev", "v1alpha1", "otelprofiles"
LONGEST_TIMEOUT = 120
SHORTEST_MILLISECONDS = 100
ANY = "*"  # as a pattern of the allow-list: every endpoint
PORTS = {"http": 80, "https": 443}
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9a-fA-F:]*:[0-9a-fA-F:.]*")
ATTRIBUTE_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
MILLISECONDS = re.compile(r"OTEL_(BSP|BLRP)_(SCHEDULE_DELAY|EXPORT_TIMEOUT)|OTEL_METRIC_EXPORT_(INTERVAL|TIMEOUT)")
SECONDS = re.compile(r"OTEL_EXPORTER_OTLP_([A-Z]+_)?TIMEOUT")
COUNTS = re.compile(r"OTEL_(BSP|BLRP)_MAX_(QUEUE|EXPORT_BATCH)_SIZE|OTEL_\w+_(COUNT|LENGTH)_LIMIT")
FIELDS = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "exporter.endpoint",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "exporter.protocol",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "exporter.timeout",
    "OTEL_EXPORTER_OTLP_HEADERS": "exporter.headers",
    "OTEL_PROPAGATORS": "propagators",
    "OTEL_TRACES_SAMPLER": "sampler.type",
    "OTEL_TRACES_SAMPLER_ARG": "sampler.argument",
    "OTEL_TRACES_EXPORTER": "exporters.traces",
    "OTEL_METRICS_EXPORTER": "exporters.metrics",
    "OTEL_LOGS_EXPORTER": "exporters.logs",
    "OTEL_RESOURCE_ATTRIBUTES": "resource.resourceAttributes",
    "OTEL_SERVICE_NAME": "resource.resourceAttributes or the Deployment's annotations",
}
REFUSED = {
    "OTEL_CONFIG_FILE": "it bypasses every other variable",
    "OTEL_EXPERIMENTAL_CONFIG_FILE": "it bypasses every other variable",
    "OTEL_SDK_DISABLED": "take the label off instead",
}


class InvalidProfile(ValueError):  # noqa: N818 - reads as what it is: `except InvalidProfile`
    """A profile that must not be injected; `problems` names every reason, one line each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Rules:
    """What the operator's settings allow a profile to say.

    `endpoints` are URLs whose host may hold `*`: `http://otel-collector.*.svc:4318`; "*" alone is all. `propagators`
    are those every image has: one that an image lacks stops its application from starting.
    """

    endpoints: tuple[str, ...] = ()
    propagators: frozenset[str] = frozenset({"tracecontext", "baggage", "none"})


def split_endpoint(url: str) -> SplitResult:
    """Take `url` apart; ValueError unless it is http(s)://host[:port][/path] and nothing else."""
    parts = urlsplit(url)
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    if parts.scheme not in PORTS or not plain or not HOST.fullmatch(parts.hostname or "") or parts.port == 0:
        raise ValueError("expected http(s)://HOST[:PORT][/PATH] without user, query or fragment")
    if re.search(r"[\s$,]", url):
        raise ValueError("expected a URL without spaces, commas or '$'")
    return parts


def _matches(endpoint: SplitResult, pattern: str) -> bool:
    if pattern == ANY:
        return True
    allowed = urlsplit(pattern)
    same_port = (endpoint.port or PORTS[endpoint.scheme]) == (allowed.port or PORTS.get(allowed.scheme))
    same_host = fnmatchcase(endpoint.hostname or "", allowed.hostname or "")
    return endpoint.scheme == allowed.scheme and same_port and same_host


def _rules(info: ValidationInfo) -> Rules:
    if not isinstance(info.context, Rules):
        raise TypeError("profiles are read by read(), which brings the rules")
    return info.context


def _endpoint(url: str, info: ValidationInfo) -> str:
    endpoint, allowed = split_endpoint(url), _rules(info).endpoints
    if not any(_matches(endpoint, pattern) for pattern in allowed):
        raise ValueError(f"expected an endpoint of the operator's allow-list ({', '.join(allowed) or 'empty'})")
    return url


def _propagator(name: str, info: ValidationInfo) -> str:
    known = _rules(info).propagators
    if name not in known:
        raise ValueError(f"expected one of {', '.join(sorted(known))}: another stops applications from starting")
    return name


def _attribute_key(key: str) -> str:
    if not ATTRIBUTE_KEY.fullmatch(key):
        raise ValueError("expected an attribute name such as deployment.environment.name")
    if key == "service.name":
        raise ValueError("a profile serves many Deployments, and each has its own service.name")
    return key


FilePath = Annotated[str, Field(pattern=r"^/[^\s$,]+$", max_length=1024)]


class _Part(BaseModel):
    """Names are the CRD's camelCase; an unknown field is a mistake, not something to skip."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, strict=True)


class SecretKey(_Part):
    """One key of a Secret in the Deployment's namespace."""

    name: str = Field(min_length=1)
    key: str = Field(min_length=1)


class Headers(_Part):
    """Where the exporter's headers come from: always a Secret, never a literal."""

    secret_key_ref: SecretKey


class Tls(_Part):
    """Certificates of the exporter: absolute paths inside the container, as in the OpenTelemetry Operator's `tls`."""

    ca_file: FilePath | None = Field(default=None, alias="ca_file")
    cert_file: FilePath | None = Field(default=None, alias="cert_file")
    key_file: FilePath | None = Field(default=None, alias="key_file")

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file: expected both or neither")
        return self


class Exporter(_Part):
    """Where telemetry goes: endpoint and protocol as a pair; `timeout` in seconds, as Python reads it."""

    endpoint: Annotated[str, AfterValidator(_endpoint)]
    protocol: Literal["http/protobuf", "grpc"]
    timeout: int | None = None
    headers: Headers | None = None
    tls: Tls | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.timeout is not None:
            check_seconds(self.timeout)
        if self.tls is not None and not self.endpoint.startswith("https://"):
            raise ValueError(f"tls: expected an https endpoint, got {self.endpoint}")
        return self


class Sampler(_Part):
    """The SDK's own samplers; `argument` is the ratio of those that take one, as a string (as in Instrumentation)."""

    type: Literal[
        "always_on",
        "always_off",
        "traceidratio",
        "parentbased_always_on",
        "parentbased_always_off",
        "parentbased_traceidratio",
    ]
    argument: str | None = None

    @model_validator(mode="after")
    def _ratio(self) -> Self:
        if self.type.endswith("traceidratio"):
            if not _is_ratio(self.argument or ""):
                raise ValueError(f"argument {self.argument!r}: expected a ratio from 0 to 1")
        elif self.argument is not None:
            raise ValueError(f"argument {self.argument!r}: expected none, {self.type} takes no argument")
        return self


class Exporters(_Part):
    """The exporter of each signal; a signal without one keeps the next layer's."""

    traces: Literal["otlp", "console", "none"] | None = None
    metrics: Literal["otlp", "console", "none"] | None = None
    logs: Literal["otlp", "console", "none"] | None = None


class Resource(_Part):
    """Attributes of the resource, plain: they are percent-encoded on the way out."""

    resource_attributes: dict[Annotated[str, AfterValidator(_attribute_key)], str] = {}


class Variable(_Part):
    """One more OTEL_* variable; `$(NAME)` may refer to another of the profile, or to the pod's name."""

    name: str = Field(pattern=r"^OTEL_[A-Z0-9_]+$")
    value: str

    @model_validator(mode="after")
    def _safe(self) -> Self:
        check_variable(self.name, self.value)
        return self


class Profile(_Part):
    """A validated profile. Every section may be absent: the next layer's is taken then, whole."""

    exporter: Exporter | None = None
    exporters: Exporters = Exporters()
    propagators: tuple[Annotated[str, AfterValidator(_propagator)], ...] = ()
    sampler: Sampler | None = None
    resource: Resource = Resource()
    env: tuple[Variable, ...] = ()
    containers: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [variable.name for variable in self.env]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"env: {', '.join(repeated)} stands more than once")
        _check_references({variable.name: variable.value for variable in self.env})
        _check_batches({variable.name: variable.value for variable in self.env})
        return self


@dataclass(frozen=True)
class Layer:
    """A profile and the name under which people know it: `namespace/name`."""

    source: str
    profile: Profile = field(default_factory=Profile)


def read(spec: Mapping[str, Any], rules: Rules) -> Profile:
    """Validate the `spec` of an OtelProfile; InvalidProfile names every problem with path, value and expectation."""
    try:
        return _read(json.dumps(spec), rules)
    except ValidationError as error:
        raise InvalidProfile(tuple(_line(problem) for problem in error.errors(include_url=False))) from None


@lru_cache(maxsize=256)  # a profile is read for each of its Deployments
def _read(spec: str, rules: Rules) -> Profile:
    return Profile.model_validate_json(spec, context=rules)


def _line(problem: Any) -> str:
    path = ".".join(("spec", *(str(part) for part in problem["loc"])))
    said = "" if isinstance(problem["input"], dict) else f" {problem['input']!r}"
    return f"{path}{said}: {problem['msg'].removeprefix('Value error, ')}"


def _is_ratio(text: str) -> bool:
    try:
        ratio = float(text)
    except ValueError:
        return False
    return math.isfinite(ratio) and 0 <= ratio <= 1


def check_seconds(seconds: int) -> None:
    """ValueError unless `seconds` is a believable timeout in the unit that Python reads."""
    if not 0 < seconds <= LONGEST_TIMEOUT:
        raise ValueError(
            f"timeout {seconds}: expected seconds, 1 to {LONGEST_TIMEOUT} (Python does not read milliseconds)"
        )


def check_variable(name: str, value: str) -> None:
    """ValueError when the variable has a field of its own, is refused, or holds what the SDK would misread."""
    if name in FIELDS:
        raise ValueError(f"{name} has a field of its own: spec.{FIELDS[name]}")
    if name in REFUSED:
        raise ValueError(f"{name} is refused: {REFUSED[name]}")
    if name.startswith("OTEL_EXPORTER_"):
        _check_exporter_variable(name, value)
    elif MILLISECONDS.fullmatch(name) and _whole(name, value) < SHORTEST_MILLISECONDS:
        raise ValueError(f"{name} {value!r}: expected milliseconds, {SHORTEST_MILLISECONDS} or more")
    elif COUNTS.fullmatch(name) and _whole(name, value) < 1:
        raise ValueError(f"{name} {value!r}: expected a whole number above 0")


def _check_exporter_variable(name: str, value: str) -> None:
    if SECONDS.fullmatch(name):
        check_seconds(_whole(name, value))
    elif not re.fullmatch(r"OTEL_EXPORTER_OTLP_(TRACES_|METRICS_|LOGS_)?COMPRESSION", name):
        raise ValueError(f"{name} is refused: where telemetry goes is said by spec.exporter")
    elif value not in {"none", "gzip", "deflate"}:
        raise ValueError(f"{name} {value!r}: expected none, gzip or deflate")


def _whole(name: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError(f"{name} {value!r}: expected a whole number")
    return int(value)


def _check_references(env: Mapping[str, str]) -> None:
    """ValueError unless references stay within the profile: the application's own variables may be secrets."""
    named = frozenset[str]().union(*map(references, env.values()))
    if strangers := sorted(named - env.keys() - DOWNWARD.keys()):
        raise ValueError(f"env: $({strangers[0]}): expected a variable of this profile, or {', '.join(DOWNWARD)}")
    resolve(env)


def _check_batches(env: Mapping[str, str]) -> None:
    for family in ("BSP", "BLRP"):
        batch = int(env.get(f"OTEL_{family}_MAX_EXPORT_BATCH_SIZE", 512))
        queue = int(env.get(f"OTEL_{family}_MAX_QUEUE_SIZE", 2048))
        if batch > queue:
            raise ValueError(f"env: a batch of {batch} is larger than the queue of {queue} (OTEL_{family}_MAX_*)")
