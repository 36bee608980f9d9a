"""The core's remote sampler as one of the SDK's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import get_current_span

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from spanloom.core.spans.remote_sampling import RemoteSampler


def sdk_sampler(sampler: RemoteSampler) -> Sampler:
    """Return a sampler of the SDK that decides as the core's."""
    found = SdkRemoteSampler(sampler)
    return ParentBased(found) if sampler.follows_parent else found


class SdkRemoteSampler(Sampler):
    """Samples by the strategy that was served last."""

    def __init__(self, sampler: RemoteSampler) -> None:
        self._sampler = sampler

    def should_sample(  # the SDK's signature
        self, parent_context: Context | None, trace_id: int, name: str, kind: Any = None, attributes: Any = None,
        links: Any = None, trace_state: Any = None,
    ) -> SamplingResult:  # fmt: skip
        """Return the decision, with the parent's trace state."""
        is_sampled = self._sampler.samples(trace_id, name)
        state = get_current_span(parent_context).get_span_context().trace_state
        if not is_sampled:
            return SamplingResult(Decision.DROP, trace_state=state)
        return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, state)

    def get_description(self) -> str:
        """Return the name and the address of the strategies."""
        return f"JaegerRemoteSampler{{{self._sampler.url}}}"
