"""The samplers of the specification that decide by the parent and the trace id alone.

OpenTelemetry specification, "Trace SDK", section "Built-in samplers".
"""

from __future__ import annotations

from typing import NamedTuple

TRACE_ID_BITS = (1 << 64) - 1
ROOT_BOUNDS = {"always_on": 1 << 64, "always_off": 0}


class Sampler(NamedTuple):
    """Samples traces whose lower 64 bits of id are below `bound`; with a parent, `follows_parent` lets it decide."""

    bound: int
    follows_parent: bool

    def samples(self, trace_id: int, _name: str) -> bool:
        """Return whether a trace is sampled as far as its id decides."""
        return trace_id & TRACE_ID_BITS < self.bound

    @classmethod
    def from_name(cls, name: str, argument: str | None) -> Sampler | None:
        """Return the sampler that OTEL_TRACES_SAMPLER names; None for one that is not built in."""
        base = name.removeprefix("parentbased_")
        if base == "traceidratio":
            return cls(round(float(argument or 1) * (TRACE_ID_BITS + 1)), base != name)
        return cls(ROOT_BOUNDS[base], base != name) if base in ROOT_BOUNDS else None
