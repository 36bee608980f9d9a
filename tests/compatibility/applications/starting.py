"""Configures the distribution in a fork of this process, again and again, with a fault in another function each time.

The argument says which of the functions are tried: each, every second, every third...
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import opentelemetry.exporter.otlp.proto.http.trace_exporter  # noqa: F401 so that no fork has to
from faults import Injector, targets
from opentelemetry import trace
from opentelemetry.instrumentation import auto_instrumentation

# What OpenTelemetry calls: it reports what these raise by itself, and continues.
CALLED_BY_OTEL = {"run_or_report", "_configure", "load_instrumentor", "configure", "_is_relevant", "_collect"}


class Recorder:
    """Notes every function that is called."""

    def __init__(self) -> None:
        self.called: set[tuple[str, int]] = set()

    def __call__(self, frame, event, _arg) -> None:
        if event == "call":
            self.called.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))


def configure(tracer) -> None:
    """Configure while `tracer` looks on, and use what was configured."""
    sys.settrace(tracer)
    auto_instrumentation.initialize()
    sys.settrace(None)
    with trace.get_tracer("t").start_as_current_span("works"):
        pass


def attempt(tracer, report: Path) -> tuple[int, str]:
    """Configure in a fork, which ends as processes end; return its exit status and standard error."""
    pid = os.fork()
    if not pid:
        with report.open("w") as written:
            os.dup2(written.fileno(), 2)
        configure(tracer)
        print("worked" if isinstance(tracer, Injector) else json.dumps(sorted(tracer.called)), file=sys.stderr)
        sys.exit(3)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), report.read_text()


def main() -> None:
    report = Path(tempfile.mkdtemp()) / "stderr"
    _, said = attempt(Recorder(), report)
    called = {tuple(one) for one in json.loads(next(line for line in said.splitlines() if line.startswith("[[")))}
    reached = [one for one in targets() if one[:2] in called and one[2] not in CALLED_BY_OTEL]
    different = {}
    for file, line, name in reached[:: int(sys.argv[1])]:
        injector = Injector()
        injector.target = file, line
        status, said = attempt(injector, report)
        if status != 3 or "worked" not in said or "Traceback" in said:
            different[f"{file}:{line} {name}"] = [status, said[-400:]]
    print(json.dumps({"hit": len(reached), "different": different}))


if __name__ == "__main__":
    main()
