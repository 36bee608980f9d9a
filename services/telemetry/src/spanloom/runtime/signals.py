"""Which signals the core exports, and which need classes of the SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanloom.runtime.options import SIGNALS, sampler

if TYPE_CHECKING:
    from collections.abc import Mapping

CREDENTIALS = "OTEL_PYTHON_EXPORTER_OTLP"  # …_CREDENTIAL_PROVIDER: sessions of requests for the SDK's exporters


def exported_by_core(values: Mapping[str, str], environ: Mapping[str, str]) -> frozenset[str]:
    """Return the signals whose settings ask for nothing but OTLP/HTTP and what the specification builds in."""
    if any(key.startswith(CREDENTIALS) and value for key, value in environ.items()):
        return frozenset()
    return frozenset(signal for signal in SIGNALS if _is_plain_otlp(values, signal) and _is_plain(values, signal))


def _is_plain_otlp(values: Mapping[str, str], signal: str) -> bool:
    prefix = f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL"
    protocol = values[prefix] or values["OTEL_EXPORTER_OTLP_PROTOCOL"]
    return (values[f"OTEL_{signal.upper()}_EXPORTER"], protocol) == ("otlp", "http/protobuf")


def _is_plain(values: Mapping[str, str], signal: str) -> bool:
    """Return whether nothing of the signal's pipeline is replaced by an entry point."""
    if signal == "traces":
        is_random = values["OTEL_PYTHON_ID_GENERATOR"] == "random"
        return is_random and sampler(values) is not None and not values["OTEL_PYTHON_TRACER_CONFIGURATOR"]
    if signal == "metrics":
        prefix = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_"
        buckets = values[f"{prefix}HISTOGRAM_AGGREGATION"] == "explicit_bucket_histogram"
        return buckets and values["OTEL_METRICS_EXEMPLAR_FILTER"] != "always_on"
    return True
