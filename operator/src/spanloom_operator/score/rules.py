"""The rules of the OpenTelemetry Instrumentation Score that telemetry of minutes can be judged by.

https://github.com/instrumentation-score/spec: its rules, impacts and formula. Left out are LOG-001, which looks at
14 days, SDK-001, which needs a table of supported versions, and SPA-003, whose criterion is not decided yet.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from spanloom_operator.score.telemetry import Service

    Ids = Collection[tuple[str, str]]
    """Trace and span id of every span of all services."""

RESOURCE_KEYS = re.compile(r"(service|telemetry\.sdk|k8s|host|container|cloud|process)\..+")
SPAN_KEYS = re.compile(r"(http|url|db|rpc|messaging|exception)\..+")
UNITS = {"s": "seconds?|sec", "ms": "milliseconds?", "By": "bytes?", "%": "percent", "min": "minutes?"}
MAX_INTERNAL_SPANS, MAX_SHORT_SPANS, SHORT_MS, MAX_VALUES = 10, 20, 5.0, 10_000


class Impact(IntEnum):
    """Weights of the specification."""

    CRITICAL = 40
    IMPORTANT = 30
    NORMAL = 20
    LOW = 10


class Rule(NamedTuple):
    """`find` returns what breaks the rule, "" for nothing; `parts` is the part of a service that it judges."""

    name: str
    impact: Impact
    parts: str
    promise: str
    find: Callable[[Service, Ids], str]
    remedy: str


def has_name(service: Service, _: Ids) -> str:
    """RES-005."""
    return "" if service.name else f"{_count(service.resources, 'resource')} without service.name"


def has_instance(service: Service, _: Ids) -> str:
    """RES-001."""
    without = [resource for resource in service.resources if not resource.get("service.instance.id")]
    return f"{_count(without, 'resource')} without it" if without else ""


def has_instances_of_its_own(service: Service, _: Ids) -> str:
    """RES-002."""
    pods: dict[str, set[str]] = defaultdict(set)
    for resource in service.resources:
        pods[str(resource.get("service.instance.id", ""))].add(str(resource.get("k8s.pod.name", "")))
    shared = next((name for name, found in pods.items() if name and len(found - {""}) > 1), "")
    return f"{shared} is that of several pods" if shared else ""


def has_pod(service: Service, _: Ids) -> str:
    """RES-003."""
    of_pods = [each for each in service.resources if any(key.startswith("k8s.") for key in each)]
    without = [resource for resource in of_pods if not resource.get("k8s.pod.uid")]
    return f"{_count(without, 'resource')} without it" if without else ""


def has_attributes_in_place(service: Service, _: Ids) -> str:
    """RES-004."""
    on_spans = {key for span in service.spans for key in span.attributes if RESOURCE_KEYS.fullmatch(key)}
    on_resources = {key for resource in service.resources for key in resource if SPAN_KEYS.fullmatch(key)}
    found = [*(f"{key} on spans" for key in sorted(on_spans)), *(f"{key} on resources" for key in sorted(on_resources))]
    return ", ".join(found)


def has_few_internal_spans(service: Service, _: Ids) -> str:
    """SPA-001."""
    most = max(Counter(s.trace_id for s in service.spans if s.kind == "INTERNAL").values(), default=0)
    return f"{most} in a trace" if most > MAX_INTERNAL_SPANS else ""


def has_parents(service: Service, ids: Ids) -> str:
    """SPA-002."""
    orphans = [s for s in service.spans if s.parent_id is not None and (s.trace_id, s.parent_id) not in ids]
    return f"{_count(orphans, 'span')} whose parent was not received, such as {orphans[0].name!r}" if orphans else ""


def has_no_client_roots(service: Service, _: Ids) -> str:
    """SPA-004."""
    roots = [span for span in service.spans if span.parent_id is None and span.kind == "CLIENT"]
    return f"{_count(roots, 'root')} of kind CLIENT, such as {roots[0].name!r}" if roots else ""


def has_few_short_spans(service: Service, _: Ids) -> str:
    """SPA-005."""
    most = max(Counter(s.trace_id for s in service.spans if s.duration_ms < SHORT_MS).values(), default=0)
    return f"{most} spans below {SHORT_MS:g} ms in a trace" if most > MAX_SHORT_SPANS else ""


def has_few_values(service: Service, _: Ids) -> str:
    """MET-001."""
    values: dict[tuple[str, str], set[str]] = defaultdict(set)
    for metric in service.metrics:
        for key, found in metric.values.items():
            values[metric.name, key] |= found
    return ", ".join(f"{key} of {name}" for (name, key), found in values.items() if len(found) >= MAX_VALUES)


def has_units(service: Service, _: Ids) -> str:
    """MET-002."""
    return ", ".join(sorted({metric.name for metric in service.metrics if not metric.unit}))


def has_one_unit(service: Service, _: Ids) -> str:
    """MET-003."""
    return ", ".join(_several((metric.name, metric.unit) for metric in service.metrics))


def has_same_buckets(service: Service, _: Ids) -> str:
    """MET-004."""
    return ", ".join(_several((metric.name, bounds) for metric in service.metrics for bounds in metric.bounds))


def has_names_without_unit(service: Service, _: Ids) -> str:
    """MET-005."""
    units = {(metric.name, UNITS[metric.unit]) for metric in service.metrics if metric.unit in UNITS}
    return ", ".join(sorted(name for name, words in units if re.search(rf"[._]({words})$", name)))


def has_names_of_no_attribute(service: Service, _: Ids) -> str:
    """MET-006, by the attributes that the telemetry itself has."""
    keys = {key for span in service.spans for key in span.attributes} | {k for r in service.resources for k in r}
    return ", ".join(sorted({metric.name for metric in service.metrics} & keys))


def has_severities(service: Service, _: Ids) -> str:
    """LOG-002."""
    without = [number for number in service.severities if not number]
    return f"{_count(without, 'log record')} without one" if without else ""


def _count(things: Collection[object], name: str) -> str:
    return f"{len(things)} {name}{'s' * (len(things) != 1)}"


def _several(pairs: Iterable[tuple[str, object]]) -> list[str]:
    """Return the names that have several values."""
    return sorted(name for name, count in Counter(name for name, _ in set(pairs)).items() if count > 1)


RULES = (
    Rule("RES-005", Impact.CRITICAL, "resources", "service.name is present", has_name,
         "set OTEL_SERVICE_NAME, or label the workload spanloom.dev/inject=true"),
    Rule("RES-001", Impact.NORMAL, "resources", "service.instance.id is present", has_instance,
         "use Spanloom's distribution or agent, which set it for each process"),
    Rule("RES-002", Impact.IMPORTANT, "resources", "service.instance.id is unique", has_instances_of_its_own,
         "remove service.instance.id from OTEL_RESOURCE_ATTRIBUTES, which all pods of a workload have in common"),
    Rule("RES-003", Impact.IMPORTANT, "resources", "resources of Kubernetes have k8s.pod.uid", has_pod,
         "label the workload spanloom.dev/inject=true, or use the Collector's processor k8s_attributes"),
    Rule("RES-004", Impact.IMPORTANT, "resources", "attributes are at the right level", has_attributes_in_place,
         "set what describes the process in OTEL_RESOURCE_ATTRIBUTES, and what describes the work on its span"),
    Rule("SPA-001", Impact.NORMAL, "spans", "traces have at most 10 INTERNAL spans of a service",
         has_few_internal_spans, "raise levels in SPANLOOM_FILTER, or remove @instrument from functions in loops"),
    Rule("SPA-002", Impact.NORMAL, "spans", "traces have no orphan spans", has_parents,
         "set OTEL_TRACES_SAMPLER=parentbased_always_on everywhere, SPANLOOM_TRUST_INCOMING=false at the edge, and one "
         "Collector for all services of a trace"),
    Rule("SPA-004", Impact.IMPORTANT, "spans", "roots are not of kind CLIENT", has_no_client_roots,
         "decorate the function that makes the request with @instrument, or keep the context in its thread"),
    Rule("SPA-005", Impact.IMPORTANT, "spans", "traces have at most 20 spans below 5 ms", has_few_short_spans,
         "replace statements in a loop by one statement, and raise levels in SPANLOOM_FILTER"),
    Rule("MET-001", Impact.IMPORTANT, "metrics", "attributes of metrics have less than 10,000 values", has_few_values,
         "remove the attribute from the measurement, or by a view"),
    Rule("MET-002", Impact.IMPORTANT, "metrics", "metrics have units", has_units,
         "give the instrument a unit: s, By, or an annotation such as {order}"),
    Rule("MET-003", Impact.IMPORTANT, "metrics", "a metric has one unit", has_one_unit,
         "give the instruments of one name the same unit"),
    Rule("MET-004", Impact.NORMAL, "metrics", "a histogram has the same buckets everywhere", has_same_buckets,
         "give the instruments of one name the same bounds"),
    Rule("MET-005", Impact.NORMAL, "metrics", "names do not contain the unit", has_names_without_unit,
         "remove the unit from the name"),
    Rule("MET-006", Impact.IMPORTANT, "metrics", "names are not those of attributes", has_names_of_no_attribute,
         "rename the metric"),
    Rule("LOG-002", Impact.IMPORTANT, "severities", "log records have a severity", has_severities,
         "log by Python's logging, or parse the severity where files are read"),
)  # fmt: skip
