"""The spec of an OtelProfile as a validated model; field names are the CRD's camelCase."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator
from pydantic.alias_generators import to_camel

from spanloom_operator.profiles.rules import Rules
from spanloom_operator.profiles.variables import (
    check_batches,
    check_references,
    check_seconds,
    check_variable,
    is_ratio,
    strategies_endpoint,
)
from spanloom_operator.quantities import quantity

ATTRIBUTE_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")


def _rules(info: ValidationInfo) -> Rules:
    if not isinstance(info.context, Rules):
        raise TypeError("profiles are read by read(), which passes the rules")
    return info.context


def _endpoint(url: str, info: ValidationInfo) -> str:
    _rules(info).check_endpoint(url)
    return url


def _propagator(name: str, info: ValidationInfo) -> str:
    _rules(info).check_propagator(name)
    return name


def _agent_image(image: str, info: ValidationInfo) -> str:
    """Return an allowed image: the operator's own where the profile names none."""
    rules = _rules(info)
    if image:
        rules.check_agent_image(image)
    return image or rules.agent_image


def _quantity(amount: str) -> str:
    quantity(amount)
    return amount


def _attribute_key(key: str) -> str:
    if not ATTRIBUTE_KEY.fullmatch(key):
        raise ValueError("expected an attribute name such as deployment.environment.name")
    if key == "service.name":
        raise ValueError("a profile serves many Deployments, and each has its own service.name")
    return key


FilePath = Annotated[str, Field(pattern=r"^/[^\s$,]+$", max_length=1024)]
SignalExporter = Literal["otlp", "console", "none"]
AttributeKey = Annotated[str, AfterValidator(_attribute_key)]
Amounts = dict[Literal["cpu", "memory", "ephemeral-storage"], Annotated[str, AfterValidator(_quantity)]]


class _Part(BaseModel):
    """A part of a profile; an unknown field is an error."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, strict=True)


class SecretKey(_Part):
    """One key of a Secret in the Deployment's namespace."""

    name: str = Field(min_length=1)
    key: str = Field(min_length=1)


class Headers(_Part):
    """Headers of the exporter: always from a Secret, never a literal."""

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
    """Where telemetry goes: endpoint and protocol as a pair; `timeout` in seconds, as the SDK for Python reads it."""

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
    """A sampler: `argument` is the ratio of those that take one, or where a remote one gets its strategies."""

    type: Literal[
        "always_on",
        "always_off",
        "traceidratio",
        "parentbased_always_on",
        "parentbased_always_off",
        "parentbased_traceidratio",
        "jaeger_remote",
        "parentbased_jaeger_remote",
    ]
    argument: str | None = None

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> Self:
        if self.type.endswith("traceidratio"):
            if not is_ratio(self.argument or ""):
                raise ValueError(f"argument {self.argument!r}: expected a ratio from 0 to 1")
        elif self.type.endswith("jaeger_remote"):
            _rules(info).check_endpoint(strategies_endpoint(self.argument or ""))
        elif self.argument is not None:
            raise ValueError(f"argument {self.argument!r}: expected none, {self.type} takes no argument")
        return self


class Exporters(_Part):
    """The exporter of each signal; a signal without one has the next profile's."""

    traces: SignalExporter | None = None
    metrics: SignalExporter | None = None
    logs: SignalExporter | None = None


class Resource(_Part):
    """Resource attributes as plain text: they are percent-encoded when they are injected."""

    resource_attributes: dict[AttributeKey, str] = {}


class Variable(_Part):
    """One more OTEL_* variable; `$(NAME)` may refer to another one of the profile, or to the pod's name."""

    name: str = Field(pattern=r"^OTEL_[A-Z0-9_]+$")
    value: str

    @model_validator(mode="after")
    def _safe(self) -> Self:
        check_variable(self.name, self.value)
        return self


class Resources(_Part):
    """Requests and limits of a container."""

    requests: Amounts = {}
    limits: Amounts = {}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, amount in self.requests.items():
            if name in self.limits and quantity(amount) > quantity(self.limits[name]):
                raise ValueError(f"requests.{name} {amount!r}: expected at most its limit, {self.limits[name]}")
        return self


AGENT_RESOURCES = Resources(requests={"cpu": "5m", "memory": "8Mi"}, limits={"memory": "32Mi"})
"""Of the init container that copies the agent, unless a profile has others."""


class Agent(_Part):
    """The agent for applications without OpenTelemetry; `image` is the operator's unless the profile names one."""

    enabled: bool = False
    image: Annotated[str, AfterValidator(_agent_image)] = Field(default="", validate_default=True)
    resources: Resources = AGENT_RESOURCES

    @model_validator(mode="after")
    def _has_image(self) -> Self:
        if self.enabled and not self.image:
            raise ValueError("image: expected one, since the operator has none (SPANLOOM_OPERATOR_AGENT_IMAGE)")
        return self


class Profile(_Part):
    """A validated profile. A section that is absent is taken from the next profile, as a whole."""

    exporter: Exporter | None = None
    exporters: Exporters = Exporters()
    propagators: tuple[Annotated[str, AfterValidator(_propagator)], ...] = ()
    sampler: Sampler | None = None
    resource: Resource = Resource()
    env: tuple[Variable, ...] = ()
    containers: tuple[str, ...] = ()
    agent: Agent | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [variable.name for variable in self.env]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"env: {', '.join(repeated)}: expected each name once")
        env = {variable.name: variable.value for variable in self.env}
        check_references(env)
        check_batches(env)
        check_agent_protocol(self.agent, self.exporter)
        return self


def check_agent_protocol(agent: Agent | None, exporter: Exporter | None) -> None:
    """ValueError when the agent would have to export by gRPC, which it cannot."""
    if agent and agent.enabled and exporter and exporter.protocol == "grpc":
        raise ValueError("agent: expected the exporter's protocol http/protobuf, got grpc: the agent speaks HTTP only")
