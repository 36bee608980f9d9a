"""The core's options from the values of OTEL_* variables.

OpenTelemetry specification, "Environment Variable Specification" and "OpenTelemetry Protocol Exporter".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from spanloom.core.export.resource import parse_pairs, resource_attributes
from spanloom.core.export.sender import Destination
from spanloom.core.spans.attributes import UNLIMITED, Limits
from spanloom.core.spans.remote_sampling import RemoteSampler
from spanloom.core.spans.sampling import Sampler
from spanloom.core.telemetry import Batches, Options
from spanloom.settings.remote_sampling import SAMPLERS as REMOTE_SAMPLERS
from spanloom.settings.remote_sampling import parse_remote_sampling

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNALS = ("traces", "metrics", "logs")
MILLISECONDS = 1000


def core_options(values: Mapping[str, str], distribution: Mapping[str, str], signals: frozenset[str]) -> Options:
    """Return the options for the signals that the core exports; `distribution` are attributes of the resource."""
    return Options(
        resource=partial(resource_attributes, values, distribution),
        user_agent=f"spanloom/{distribution['telemetry.distro.version']} Python",
        sampler=sampler(values) or Sampler(1 << 64, follows_parent=True),
        limits=limits(values),
        spans=_batches(values, "BSP"),
        logs=_batches(values, "BLRP"),
        metric_interval=float(values["OTEL_METRIC_EXPORT_INTERVAL"]) / MILLISECONDS,
        is_delta=values["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"] in ("delta", "lowmemory"),
        has_exemplars=values["OTEL_METRICS_EXEMPLAR_FILTER"] != "always_off",
        has_code_attributes=values["OTEL_PYTHON_LOG_CODE_ATTRIBUTES"] == "true",
        **{f"{signal}_to": destination(values, signal) for signal in SIGNALS if signal in signals},
        timeout={signal: float(_of_signal(values, signal, "TIMEOUT")) for signal in SIGNALS},
    )


def sampler(values: Mapping[str, str]) -> Sampler | RemoteSampler | None:
    """Return the sampler; None if it is not built in."""
    name, argument = values["OTEL_TRACES_SAMPLER"], values["OTEL_TRACES_SAMPLER_ARG"]
    if name in REMOTE_SAMPLERS:
        remote = parse_remote_sampling("OTEL_TRACES_SAMPLER_ARG", argument)
        return RemoteSampler(*remote, follows_parent=name.startswith("parentbased_"))
    return Sampler.from_name(name, argument)


def limits(values: Mapping[str, str]) -> Limits:
    """Return the limits of spans; what is not set for spans, events or links is the general limit."""
    return Limits(
        attributes=_limit(values, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
        length=_limit(values, "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
        events=_limit(values, "OTEL_SPAN_EVENT_COUNT_LIMIT"),
        links=_limit(values, "OTEL_SPAN_LINK_COUNT_LIMIT"),
        event_attributes=_limit(values, "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
        link_attributes=_limit(values, "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
    )


def _limit(values: Mapping[str, str], *names: str) -> int:
    value = next((values[name] for name in names if values[name]), "unset")
    return UNLIMITED if value == "unset" else int(value)


def _batches(values: Mapping[str, str], processor: str) -> Batches:
    prefix = f"OTEL_{processor}_"
    queue, size = int(values[f"{prefix}MAX_QUEUE_SIZE"]), int(values[f"{prefix}MAX_EXPORT_BATCH_SIZE"])
    return Batches(queue, size, int(values[f"{prefix}SCHEDULE_DELAY"]) / MILLISECONDS)


def destination(values: Mapping[str, str], signal: str) -> Destination:
    """Return where a signal goes."""
    own = values[f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"]
    compression = _of_signal(values, signal, "COMPRESSION")
    return Destination(
        url=own or f"{values['OTEL_EXPORTER_OTLP_ENDPOINT'].rstrip('/')}/v1/{signal}",
        headers=tuple(parse_pairs(_of_signal(values, signal, "HEADERS"))),
        compression="" if compression == "none" else compression,
        certificate=_of_signal(values, signal, "CERTIFICATE"),
        client_certificate=_of_signal(values, signal, "CLIENT_CERTIFICATE"),
        client_key=_of_signal(values, signal, "CLIENT_KEY"),
    )


def _of_signal(values: Mapping[str, str], signal: str, name: str) -> str:
    """Return the value for a signal, or the general one."""
    return values[f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}"] or values[f"OTEL_EXPORTER_OTLP_{name}"]
