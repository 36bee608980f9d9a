"""The argument of the samplers that ask a Jaeger backend: `endpoint=…,pollingIntervalMs=…,initialSamplingRate=…`.

OpenTelemetry specification, "Environment Variable Specification", OTEL_TRACES_SAMPLER_ARG. Defaults are those of
OpenTelemetry's SDKs for Java and Go, with the port of Jaeger's endpoint for HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from spanloom.settings import checks
from spanloom.settings.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spanloom.settings.checks import Check

SAMPLERS = ("jaeger_remote", "parentbased_jaeger_remote")
PATH = "/sampling"
MIN_INTERVAL_MS = 100
FIELDS: Mapping[str, tuple[str, Check]] = {
    "endpoint": ("http://localhost:5778", checks.url),
    "pollingIntervalMs": ("60000", checks.number(MIN_INTERVAL_MS, 86_400_000, " milliseconds")),
    "initialSamplingRate": ("0.001", checks.number(0, 1, ", a ratio")),
}
"""Default and check of each field."""


class RemoteSampling(NamedTuple):
    """Where strategies are, how often they are asked for, and the ratio until the first response."""

    url: str
    interval_seconds: float
    initial_rate: float


def parse_remote_sampling(key: str, argument: str) -> RemoteSampling:
    """Return what an argument asks for; SettingsError for anything but these fields, each at most once."""
    given = [part.partition("=")[::2] for part in argument.split(",") if part.strip()]
    names = [name.strip() for name, _ in given]
    if not set(names) <= FIELDS.keys() or len(set(names)) < len(names):
        raise SettingsError(key, argument, ",".join(f"{name}={default}" for name, (default, _) in FIELDS.items()))
    values = {name: default for name, (default, _) in FIELDS.items()}
    values |= {name: FIELDS[name][1](key, value) for name, (_, value) in zip(names, given)}
    return RemoteSampling(
        _with_path(values["endpoint"]),
        float(values["pollingIntervalMs"]) / 1000,
        float(values["initialSamplingRate"]),
    )


def _with_path(endpoint: str) -> str:
    """Return the endpoint as it is if it has a path, otherwise with Jaeger's."""
    return endpoint if urlsplit(endpoint).path.strip("/") else endpoint.rstrip("/") + PATH
