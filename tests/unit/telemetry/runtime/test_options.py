"""The core's options from OTEL_* variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from spanloom.core.spans.remote_sampling import RemoteSampler
from spanloom.core.telemetry import Batches
from spanloom.runtime.options import core_options
from spanloom.runtime.signals import exported_by_core
from spanloom.settings.environment import canonical_values

if TYPE_CHECKING:
    from spanloom.core.telemetry import Options

DISTRIBUTION = {"telemetry.distro.version": "1.2.3"}
SIGNALS = frozenset({"traces", "metrics", "logs"})


def options(**environ: str) -> Options:
    return core_options(canonical_values(environ), DISTRIBUTION, SIGNALS)


LIMITS = {
    "OTEL_ATTRIBUTE_COUNT_LIMIT": ("attributes", "event_attributes", "link_attributes"),
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": ("attributes",),
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": ("event_attributes",),
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": ("link_attributes",),
    "OTEL_SPAN_EVENT_COUNT_LIMIT": ("events",),
    "OTEL_SPAN_LINK_COUNT_LIMIT": ("links",),
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": ("length",),
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": ("length",),
}


@pytest.mark.parametrize(("variable", "changed"), LIMITS.items(), ids=LIMITS)
def test_a_limit_changes_what_the_specification_says(variable: str, changed: tuple[str, ...]) -> None:
    """A general limit is that of spans, events and links; a limit of one kind changes that kind alone."""
    before, after = options().limits._asdict(), options(**{variable: "5"}).limits._asdict()
    assert {**before, **dict.fromkeys(changed, 5)} == after


def test_a_limit_of_one_kind_wins_over_the_general_one() -> None:
    """Whichever is larger."""
    limits = options(OTEL_ATTRIBUTE_COUNT_LIMIT="5", OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT="9").limits
    assert (9, 5) == (limits.attributes, limits.event_attributes)


@pytest.mark.parametrize(
    ("environ", "field", "expected"),
    [
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10"}, "spans", Batches(100, 10, 5.0)),
        ({"OTEL_BLRP_SCHEDULE_DELAY": "250"}, "logs", Batches(2048, 512, 0.25)),
        ({"OTEL_METRIC_EXPORT_INTERVAL": "1500"}, "metric_interval", 1.5),
        ({"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"}, "is_delta", True),
        ({"OTEL_METRICS_EXEMPLAR_FILTER": "always_off"}, "has_exemplars", False),
        ({"OTEL_PYTHON_LOG_CODE_ATTRIBUTES": "true"}, "has_code_attributes", True),
        ({"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "3"}, "timeout", {"traces": 3.0, "metrics": 60.0, "logs": 60.0}),
    ],
)
def test_numbers_have_the_units_of_the_specification(environ: dict[str, str], field: str, expected: Any) -> None:
    """Milliseconds of delays and intervals become seconds; a timeout is in seconds already."""
    assert expected == getattr(options(**environ), field)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "http://localhost:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:1/base/"}, "http://c:1/base/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:1/own"}, "http://c:1/own"),
    ],
)
def test_an_endpoint_of_a_signal_is_used_as_it_is(environ: dict[str, str], expected: str) -> None:
    """The general endpoint gets the path of the signal."""
    to = options(**environ).traces_to
    assert to is not None
    assert expected == to.url


@pytest.mark.parametrize(("name", "follows_parent"), [("jaeger_remote", False), ("parentbased_jaeger_remote", True)])
def test_the_core_samples_by_strategies_of_jaeger(name: str, follows_parent: bool) -> None:
    """The SDK is not needed for it."""
    values = canonical_values({
        "OTEL_TRACES_SAMPLER": name,
        "OTEL_TRACES_SAMPLER_ARG": "endpoint=http://j:5778,pollingIntervalMs=500,initialSamplingRate=1",
    })  # fmt: skip
    sampler = core_options(values, DISTRIBUTION, SIGNALS).sampler
    assert isinstance(sampler, RemoteSampler)
    assert ("http://j:5778/sampling", 0.5, follows_parent) == (
        sampler.url, sampler.interval_seconds, sampler.follows_parent,
    )  # fmt: skip
    assert sampler.samples(1, "GET")
    assert "traces" in exported_by_core(values, {})


def test_what_is_set_for_a_signal_wins() -> None:
    """Headers, compression and certificates of a signal replace the general ones."""
    to = options(
        OTEL_EXPORTER_OTLP_HEADERS="a=1",
        OTEL_EXPORTER_OTLP_TRACES_HEADERS="b=2,c=x%20y",
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        OTEL_EXPORTER_OTLP_TRACES_COMPRESSION="none",
    )
    assert to.traces_to is not None
    assert to.logs_to is not None
    assert ((("b", "2"), ("c", "x y")), "") == (to.traces_to.headers, to.traces_to.compression)
    assert ((("a", "1"),), "gzip") == (to.logs_to.headers, to.logs_to.compression)
