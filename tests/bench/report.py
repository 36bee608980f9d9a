"""The output of a run: tables, and JSON."""

from __future__ import annotations

import platform
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.arms import BASES
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.estimates import Estimate
    from bench.results import Row, Verdict

DEFAULTS = "otel"  # the arm whose added CPU is the reference
WIDTH = 120  # columns of the tables


def tables(rows: Sequence[Row]) -> list[Table]:
    """Return two tables with a row for each arm: its overhead; and its spans, latency and memory."""
    against = next((row.added_us.value for row in rows if row.name == DEFAULTS), None)
    costs = _table("", "CPU ratio [95 %]", "throughput [95 %]", "CPU µs", "added µs [95 %]", "of defaults", "per span")
    rest = _table("", "spans", "lost", "orphans", "p50 ms", "p99 ms", "req/s", "start s", "MiB", "idle ms/s")
    for row in rows:
        costs.add_row(*_costs(row, against))
        rest.add_row(*_rest(row))
    return [costs, rest]


def _table(*headings: str) -> Table:
    table = Table(*headings, box=None, pad_edge=False)
    for number, column in enumerate(table.columns):
        column.no_wrap = True
        column.justify = "right" if number else "left"
    return table


def _costs(row: Row, against: float | None) -> list[str]:
    added = row.added_us
    return [
        row.title,
        _interval(row.cpu_ratio),
        _interval(row.throughput_ratio),
        f"{row.cpu_us.value:.0f}",
        f"{added.value:+.0f} [{added.low:+.0f} {added.high:+.0f}]",
        "" if not against or row.name in BASES else f"{added.value / against:.2f}",
        "" if row.added_per_span_us is None else f"{row.added_per_span_us:.0f}",
    ]


def _rest(row: Row) -> list[str]:
    return [
        row.title,
        f"{row.spans_per_request:.4g}",
        str(row.lost),
        str(row.orphans),
        f"{row.p50_ms:.1f}",
        f"{row.p99_ms:.1f}",
        f"{row.saturated_per_second:.0f}",
        f"{row.start_seconds:.1f}",
        f"{row.resident_mib:.0f}",
        f"{row.idle_ms_per_second:.1f}",
    ]


def _interval(ratio: Estimate) -> str:
    return f"{ratio.value:.3f} [{ratio.low:.3f} {ratio.high:.3f}]"


def sentence(verdict: Verdict) -> str:
    """Return whether the run is valid, as a sentence."""
    intervals = f"two untraced arms: CPU {_interval(verdict.cpu)}, throughput {_interval(verdict.throughput)}"
    return f"VOID, the figures are not valid: {intervals}" if verdict.void else f"A/A within 3 %: {intervals}"


def document(
    rows: Sequence[Row], verdict: Verdict, left_out: Mapping[str, str], plan: Mapping[str, Any], command: str
) -> dict[str, Any]:
    """Return the run as the content of bench.json."""
    return {
        "command": command,
        "void": verdict.void,
        "untraced_over_untraced": {"cpu": verdict.cpu._asdict(), "throughput": verdict.throughput._asdict()},
        "machine": {"python": platform.python_version(), "kernel": platform.release(), "cpu": _cpu_model()},
        "plan": dict(plan),
        "arms": [_plain(row) for row in rows],
        "left_out": dict(left_out),
    }


def _plain(row: Row) -> dict[str, Any]:
    return {key: _named(getattr(row, key), value) for key, value in asdict(row).items()}


def _named(original: Any, value: Any) -> Any:
    return original._asdict() if hasattr(original, "_asdict") else value


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
