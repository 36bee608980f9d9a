"""The exporter that prints trees."""

import io

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from spanloom.sdk.tree_exporter import MAX_UNFINISHED_TRACES, TreeExporter


def printing() -> tuple[io.StringIO, TracerProvider]:
    out = io.StringIO()
    provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(TreeExporter(out)))
    return out, provider


def test_a_trace_is_printed_when_its_root_has_ended() -> None:
    """Nothing before, the whole tree with its id afterwards."""
    out, provider = printing()
    tracer = provider.get_tracer("t")
    with tracer.start_as_current_span("root") as root:
        with tracer.start_as_current_span("child"):
            pass
        assert "" == out.getvalue()
    lines = out.getvalue().splitlines()
    assert f"trace {root.get_span_context().trace_id:032x}" == lines[0]
    assert ["root", "└─"] == [line.split()[0] for line in lines[1:3]]


def test_a_span_with_a_remote_parent_completes_the_part_of_this_process() -> None:
    """The caller's span is in another process: what began here is printed when it ends here."""
    out, provider = printing()
    caller = NonRecordingSpan(SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1)))
    with provider.get_tracer("t").start_as_current_span("served", context=set_span_in_context(caller)):
        pass
    assert "served  shop  INTERNAL" in out.getvalue()


def test_what_never_finds_its_root_is_bounded_and_printed_at_the_end() -> None:
    """Children whose root never ends are neither kept without end nor lost."""
    out, provider = printing()
    tracer = provider.get_tracer("t")
    for _ in range(MAX_UNFINISHED_TRACES + 1):
        root = tracer.start_span("root")
        tracer.start_span("child", context=set_span_in_context(root)).end()
    assert 1 == out.getvalue().count("child")
    provider.shutdown()
    assert MAX_UNFINISHED_TRACES + 1 == out.getvalue().count("child")
