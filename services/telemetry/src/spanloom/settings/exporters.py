"""Variables of exporters: destinations, protocols, credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanloom.settings import checks
from spanloom.settings.variable import Variable

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_TIMEOUT_SECONDS = 600.0
DEFAULTS = {"TRACES": "otlp", "METRICS": "otlp", "LOGS": "none"}


def exporters() -> Iterator[Variable]:
    """Yield the variables."""
    for signal, default in DEFAULTS.items():
        group = f"opentelemetry_{signal.lower()}_exporter"
        extra = ", `tree` (finished traces as trees on standard output)" if signal == "TRACES" else ""
        yield Variable(
            f"OTEL_{signal}_EXPORTER",
            f"Exporters of {signal.lower()}: `otlp`, `console`, `none`{extra}.",
            checks.entry_point_names(group, "none", "otlp"),
            default,
            overrides_sdk=True,
        )
    for signal in ("", *(f"{signal}_" for signal in DEFAULTS)):
        yield from _otlp(f"OTEL_EXPORTER_OTLP_{signal}", signal.rstrip("_").lower())
    yield Variable(
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        "Temporality of exported metrics.",
        checks.one_of("cumulative", "delta", "lowmemory"),
        "cumulative",
    )
    yield Variable(
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        "Aggregation of histograms.",
        checks.one_of("explicit_bucket_histogram", "base2_exponential_bucket_histogram"),
        "explicit_bucket_histogram",
    )
    yield Variable("OTEL_EXPORTER_PROMETHEUS_HOST", "Address of the Prometheus exporter.", default="localhost")
    port = checks.number(0, 65535, ", a port")
    yield Variable("OTEL_EXPORTER_PROMETHEUS_PORT", "Port of the Prometheus exporter.", port, "9464")


def _otlp(prefix: str, signal: str) -> Iterator[Variable]:
    of = f" of {signal}" if signal else ""
    is_general = not signal
    yield Variable(
        f"{prefix}ENDPOINT",
        f"Address of the OTLP receiver{of}: a Collector or a vendor.",
        checks.url,
        "http://localhost:4318" if is_general else "",
    )
    yield Variable(
        f"{prefix}PROTOCOL",
        f"OTLP protocol{of}.",
        checks.protocol,
        "http/protobuf" if is_general else "",
        overrides_sdk=is_general,
    )
    yield Variable(f"{prefix}HEADERS", f"HTTP headers{of}, such as an API key: `api-key=SECRET`.", checks.headers)
    unit = " seconds (OpenTelemetry for Python reads seconds, not milliseconds)"
    # A Collector restarts in less than 60 s, not in less than 10 s. Seconds in Python: opentelemetry-python#4044.
    yield Variable(
        f"{prefix}TIMEOUT",
        f"Timeout of the export of one batch{of} in seconds, retries included.",
        checks.number(0.001, MAX_TIMEOUT_SECONDS, unit),
        "60" if is_general else "",
        overrides_sdk=is_general,
    )
    compression = checks.one_of("none", "gzip", "deflate")
    yield Variable(f"{prefix}COMPRESSION", f"Compression{of}.", compression, "none" if is_general else "")
    yield Variable(f"{prefix}INSECURE", f"gRPC{of} without TLS.", checks.boolean)
    for name, content in (
        ("CERTIFICATE", "certificate authority of the receiver"),
        ("CLIENT_CERTIFICATE", "client certificate"),
        ("CLIENT_KEY", "private key of the client certificate"),
    ):
        yield Variable(f"{prefix}{name}", f"File with the {content}{of} (PEM).")
