"""Which OTEL_* variables a profile's `env` may contain, and with which values."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from spanloom_operator.references import DOWNWARD, references, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TIMEOUT_SECONDS = 120
MIN_MILLISECONDS = 100
MAX_INTERVAL_MS = 86_400_000
INTERVAL, RATE = "pollingIntervalMs", "initialSamplingRate"
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
"""Field of the profile for each variable that has one."""
REFUSED = {
    "OTEL_CONFIG_FILE": "it bypasses every other variable",
    "OTEL_EXPERIMENTAL_CONFIG_FILE": "it bypasses every other variable",
    "OTEL_SDK_DISABLED": "remove the label instead",
}


def check_variable(name: str, value: str) -> None:
    """ValueError when the variable has a field of its own, is refused, or has a value that the SDK would misread."""
    if name in FIELDS:
        raise ValueError(f"{name} has a field of its own: spec.{FIELDS[name]}")
    if name in REFUSED:
        raise ValueError(f"{name} is refused: {REFUSED[name]}")
    if name.startswith("OTEL_EXPORTER_"):
        _check_exporter_variable(name, value)
    elif MILLISECONDS.fullmatch(name) and _whole(name, value) < MIN_MILLISECONDS:
        raise ValueError(f"{name} {value!r}: expected milliseconds, {MIN_MILLISECONDS} or more")
    elif COUNTS.fullmatch(name) and _whole(name, value) < 1:
        raise ValueError(f"{name} {value!r}: expected a whole number above 0")


def check_seconds(seconds: int) -> None:
    """ValueError unless `seconds` is a believable timeout in the unit that the SDK for Python reads."""
    if not 0 < seconds <= MAX_TIMEOUT_SECONDS:
        expected = f"expected seconds, 1 to {MAX_TIMEOUT_SECONDS} (Python does not read milliseconds)"
        raise ValueError(f"timeout {seconds}: {expected}")


def check_references(env: Mapping[str, str]) -> None:
    """ValueError unless references stay within the profile: the application's own variables may be secrets."""
    named = frozenset[str]().union(*map(references, env.values()))
    if unknown := sorted(named - env.keys() - DOWNWARD.keys()):
        raise ValueError(f"env: $({unknown[0]}): expected a variable of this profile, or {', '.join(DOWNWARD)}")
    resolve(env)


def check_batches(env: Mapping[str, str]) -> None:
    """ValueError when a batch would be larger than its queue."""
    for family in ("BSP", "BLRP"):
        batch = int(env.get(f"OTEL_{family}_MAX_EXPORT_BATCH_SIZE", 512))
        queue = int(env.get(f"OTEL_{family}_MAX_QUEUE_SIZE", 2048))
        if batch > queue:
            raise ValueError(f"env: a batch of {batch} is larger than the queue of {queue} (OTEL_{family}_MAX_*)")


def is_ratio(text: str) -> bool:
    """Return whether `text` is a number from 0 to 1."""
    try:
        ratio = float(text)
    except ValueError:
        return False
    return math.isfinite(ratio) and 0 <= ratio <= 1


def strategies_endpoint(argument: str) -> str:
    """Return the endpoint in the argument of a remote sampler; ValueError unless it is understood.

    The fields are those of the specification (OTEL_TRACES_SAMPLER_ARG), each at most once; the endpoint is required.
    """
    fields = [part.partition("=")[::2] for part in argument.split(",")]
    values = dict(fields)
    if "endpoint" not in values or len(values) < len(fields) or not values.keys() <= {"endpoint", INTERVAL, RATE}:
        raise ValueError(f"argument {argument!r}: expected endpoint=URL[,{INTERVAL}=MILLISECONDS][,{RATE}=RATIO]")
    if INTERVAL in values and not MIN_MILLISECONDS <= _whole(INTERVAL, values[INTERVAL]) <= MAX_INTERVAL_MS:
        raise ValueError(f"{INTERVAL} {values[INTERVAL]!r}: expected milliseconds, {MIN_MILLISECONDS} to a day")
    if RATE in values and not is_ratio(values[RATE]):
        raise ValueError(f"{RATE} {values[RATE]!r}: expected a ratio from 0 to 1")
    return values["endpoint"]


def _check_exporter_variable(name: str, value: str) -> None:
    if SECONDS.fullmatch(name):
        check_seconds(_whole(name, value))
    elif not re.fullmatch(r"OTEL_EXPORTER_OTLP_(TRACES_|METRICS_|LOGS_)?COMPRESSION", name):
        raise ValueError(f"{name} is refused: spec.exporter says where telemetry goes")
    elif value not in {"none", "gzip", "deflate"}:
        raise ValueError(f"{name} {value!r}: expected none, gzip or deflate")


def _whole(name: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError(f"{name} {value!r}: expected a whole number")
    return int(value)
