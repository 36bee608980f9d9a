"""Configures the distribution in a fork for each private name of OpenTelemetry it uses, as if that one were missing.

In the first fork none is missing, in the last one the API has another runtime context than its own.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import opentelemetry.context
import opentelemetry.exporter.otlp.proto.http.trace_exporter
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext
from opentelemetry.instrumentation import auto_instrumentation


class OtherRuntimeContext(ContextVarsRuntimeContext):
    """A runtime context that is not the API's default."""


def work(number: int) -> None:
    """Use what was configured: a tree of three spans, and a measurement."""
    from opentelemetry import metrics, trace
    from spanloom.sdk.self_check import fast_path
    from spanloom.tracing.context import get_current

    from spanloom import instrument
    from spanloom.instrumentation.server_call import BUCKETS, DIMENSIONS

    @instrument
    def outer() -> None:
        with trace.get_tracer("t").start_as_current_span(f"manual {number}", attributes={"a": [1]}) as span:
            span.add_event("event")
            inner()

    @instrument
    def inner() -> None: ...

    outer()
    durations = fast_path().histogram(metrics.get_meter("m"), f"duration.{number}", "", BUCKETS, DIMENSIONS)
    for _ in range(3):
        durations.record(0.1, ("GET", "http", "/", 200, None), get_current())


def attempt(number: int, report: Path) -> tuple[int, str]:
    """Configure in a fork without the name of this number; return exit status and standard error."""
    pid = os.fork()
    if not pid:
        with report.open("w") as written:
            os.dup2(written.fileno(), 2)
        if number == len(NAMES):
            opentelemetry.context._RUNTIME_CONTEXT = OtherRuntimeContext()
        from spanloom.sdk import private

        missing, load = NAMES[number : number + 1], private.PrivateName.load
        private.PrivateName.load = lambda name: None if [name.module, name.path] in missing else load(name)
        auto_instrumentation.initialize()
        work(number)
        sys.exit(3)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), report.read_text()


NAMES = [["", ""], *json.loads(sys.argv[1])]

if __name__ == "__main__":
    report = Path(tempfile.mkdtemp()) / "stderr"
    print(json.dumps([attempt(number, report) for number in range(len(NAMES) + 1)]))
