"""Everything the distribution is told by the environment, read once and refused when not understood.

The SDK answers a wrong OTEL_* value by switching telemetry off without a word; here each is checked first and named
with what was expected. (OTEL_PROPAGATORS is read by `opentelemetry-instrument` before any distribution is asked: it
refuses an unknown name itself.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from spanloom.boundary import Boundary, parse_boundary
from spanloom.errors import ConfigurationError
from spanloom.filter import Filter, parse_filter
from spanloom.health import quiet_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DEFAULTS: Mapping[str, str] = {
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    # Seconds in Python (opentelemetry-python#4044). 60 of them outlast a Collector's restart, 10 do not.
    "OTEL_EXPORTER_OTLP_TIMEOUT": "60",
    "OTEL_PROPAGATORS": "tracecontext,baggage",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database",
    # 2,048 spans overflow within 10 s of outage at 200 spans a second; a queued span holds about 1 kB.
    "OTEL_BSP_MAX_QUEUE_SIZE": "8192",
    # Characters. A stack trace under a web framework takes 10,000, and what a limit cuts off is its telling end.
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "32768",
    "OTEL_PYTHON_CONFIGURATOR": "spanloom",
}
PREFIX = "SPANLOOM_"
OPERATOR = "SPANLOOM_OPERATOR_"  # the operator's own settings; it runs under this distribution, too
OWN = ("SPANLOOM_FILTER", "SPANLOOM_TRUST_INCOMING", "SPANLOOM_FLUSH_TIMEOUT")
# Kubernetes adds these for every Service of the namespace, so one named spanloom-… must not stop a process.
SERVICE_LINK = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)$")
LONGEST_TIMEOUT = 600.0
DEFAULT_FLUSH_TIMEOUT = 5.0


@dataclass(frozen=True)
class Settings:
    """What the hooks need to know.

    `flush_timeout` is the longest time, in seconds, that the end of a process waits for its telemetry.
    """

    filter: Filter
    boundary: Boundary
    quiet_paths: re.Pattern[str]
    flush_timeout: float

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read the SPANLOOM_* and OTEL_* variables; ConfigurationError names the first that is wrong."""
        for key in environ:
            _refuse_unknown(key, environ)
        for key, value in environ.items():
            if value and (check := _CHECKS.get(key)):
                check(key, value)
        return cls(
            filter=parse_filter(environ.get("SPANLOOM_FILTER", "")),
            boundary=parse_boundary(environ.get("SPANLOOM_TRUST_INCOMING", "")),
            quiet_paths=quiet_paths(environ),
            flush_timeout=float(environ.get("SPANLOOM_FLUSH_TIMEOUT") or DEFAULT_FLUSH_TIMEOUT),
        )


def _refuse_unknown(key: str, environ: Mapping[str, str]) -> None:
    if key.startswith(PREFIX) and key not in OWN and not key.startswith(OPERATOR) and not SERVICE_LINK.search(key):
        near = get_close_matches(key.removeprefix(PREFIX), [own.removeprefix(PREFIX) for own in OWN], 1)
        nearest = [PREFIX + name for name in near] or OWN
        raise ConfigurationError(key, environ[key], f"the name {' or '.join(nearest)}")


def _names(group: str, *extra: str) -> Callable[[str, str], None]:
    def check(key: str, value: str) -> None:
        known = {*extra, *(entry.name for entry in entry_points(group=group))}
        for name in (part.strip() for part in value.split(",")):
            if name not in known:
                raise ConfigurationError(key, name, f"one or several of {', '.join(sorted(known))}")

    return check


def _protocol(key: str, value: str) -> None:
    known = ["http/protobuf"]
    if entry_points(group="opentelemetry_traces_exporter", name="otlp_proto_grpc"):
        known.append("grpc")
    if value.strip() not in known:
        raise ConfigurationError(
            key, value, f"{' or '.join(known)} (grpc needs the package opentelemetry-exporter-otlp-proto-grpc)"
        )


def _endpoint(key: str, value: str) -> None:
    try:
        url = urlsplit(value)
        good = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        good = False
    if not good:
        raise ConfigurationError(key, value, "a URL such as http://collector:4318")


def _headers(key: str, value: str) -> None:
    if not all(re.fullmatch(r"\s*[\w!#$%&'*+.^`|~-]+\s*=[^,]*", part) for part in value.split(",") if part.strip()):
        raise ConfigurationError(key, "…", "name=value pairs separated by commas, values percent-encoded")


def _number(low: float, high: float, unit: str) -> Callable[[str, str], None]:
    def check(key: str, value: str) -> None:
        try:
            good = low <= float(value) <= high
        except ValueError:
            good = False
        if not good:
            raise ConfigurationError(key, value, f"a number from {low:g} to {high:g}{unit}")

    return check


def _whole(key: str, value: str) -> None:
    if not value.strip().isdecimal() or int(value) == 0:
        raise ConfigurationError(key, value, "a whole number above 0")


def _table() -> Iterator[tuple[str, Callable[[str, str], None]]]:
    timeout = _number(0.001, LONGEST_TIMEOUT, " seconds (OpenTelemetry for Python reads seconds, not milliseconds)")
    for signal in ("", "TRACES_", "METRICS_", "LOGS_"):
        yield f"OTEL_EXPORTER_OTLP_{signal}ENDPOINT", _endpoint
        yield f"OTEL_EXPORTER_OTLP_{signal}PROTOCOL", _protocol
        yield f"OTEL_EXPORTER_OTLP_{signal}HEADERS", _headers
        yield f"OTEL_EXPORTER_OTLP_{signal}TIMEOUT", timeout
    for signal in ("traces", "metrics", "logs"):
        yield f"OTEL_{signal.upper()}_EXPORTER", _names(f"opentelemetry_{signal}_exporter", "none", "otlp")
    yield "OTEL_TRACES_SAMPLER", _names("opentelemetry_traces_sampler")
    for processor in ("BSP", "BLRP"):
        for name in ("MAX_QUEUE_SIZE", "MAX_EXPORT_BATCH_SIZE", "SCHEDULE_DELAY", "EXPORT_TIMEOUT"):
            yield f"OTEL_{processor}_{name}", _whole
    yield "SPANLOOM_FLUSH_TIMEOUT", _number(0, LONGEST_TIMEOUT, " seconds")


_CHECKS = dict(_table())
