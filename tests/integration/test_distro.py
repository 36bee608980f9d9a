"""The distribution in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from support.processes.traced_app import traced_app

from spanloom_local.receiver import Receiver
from spanloom_local.stack import environment
from spanloom_local.store import Store

SCRIPTS = Path(sys.executable).parent


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("SPANLOOM_FILTER", "info,loud", "spanloom: SPANLOOM_FILTER='loud' is not understood; expected LEVEL"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10000", "spanloom: OTEL_EXPORTER_OTLP_TIMEOUT='10000' is not understood"),
    ],
)
def test_an_invalid_setting_stops_the_process(key: str, value: str, expected: str) -> None:
    """An invalid setting ends the process with one line, before the application is loaded."""
    with traced_app("http://127.0.0.1:9", **{key: value}) as app:
        assert 78 == app.end()
    assert app.output.startswith(expected)
    assert 1 == len(app.output.splitlines())


def run(program: str, endpoint: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program under `opentelemetry-instrument`."""
    command = [SCRIPTS / "opentelemetry-instrument", sys.executable, "-c", dedent(program)]
    return subprocess.run(
        command,
        env=environment(os.environ, "shop", endpoint, settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


BY_HAND = """
    from opentelemetry import trace
    from spanloom import instrument

    @instrument
    def inner(): ...

    with trace.get_tracer("by hand").start_as_current_span("outer"):
        inner()
"""


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"OTEL_TRACES_EXPORTER": "otlp,console"},
        {"OTEL_TRACES_EXPORTER": "otlp,tree"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"},
        {"OTEL_METRICS_EXPORTER": "console", "OTEL_LOGS_EXPORTER": "console"},
    ],
    ids=str,
)
def test_the_trace_is_complete_with_every_exporter(settings: dict[str, str]) -> None:
    """By the core, and by the SDK's classes where an exporter of the SDK is asked for: the same tree, once."""
    with Receiver(store=Store(100)) as receiver:
        done = run(BY_HAND, receiver.url, **settings)
        traces = list(receiver.store.traces().values())
    assert (0, "") == (done.returncode, done.stderr)
    assert ["shop INTERNAL outer\n  shop INTERNAL inner"] == [trace.shape() for trace in traces]


def test_a_processor_of_the_sdk_gets_every_span_from_then_on() -> None:
    """`add_span_processor` on the global provider works as with the SDK; exporters of the settings continue."""
    program = """
        from opentelemetry import trace
        from opentelemetry.sdk.trace import SpanProcessor
        from spanloom import instrument

        class Names(SpanProcessor):
            def on_end(self, span):
                print(span.name)

        @instrument
        def inner(): ...

        tracer = trace.get_tracer("by hand")
        trace.get_tracer_provider().add_span_processor(Names())
        with tracer.start_as_current_span("outer"):
            inner()
    """
    with Receiver(store=Store(100)) as receiver:
        done = run(program, receiver.url)
        traces = list(receiver.store.traces().values())
    assert (0, "inner\nouter\n", "") == (done.returncode, done.stdout, done.stderr)
    assert ["shop INTERNAL outer\n  shop INTERNAL inner"] == [trace.shape() for trace in traces]


def test_a_disabled_sdk_sends_nothing() -> None:
    """OTEL_SDK_DISABLED=true: nothing is sent, nothing is printed, and the program runs (specification)."""
    with Receiver(store=Store(100)) as receiver:
        done = run(BY_HAND, receiver.url, OTEL_SDK_DISABLED="true")
        traces = receiver.store.traces()
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    assert {} == traces


def test_a_context_of_another_kind_is_respected() -> None:
    """With a runtime context that is no ContextVar (OTEL_PYTHON_CONTEXT), all spans are one tree."""
    program = """
        import opentelemetry.context as api

        class Stack:
            contexts = [api.Context()]

            def attach(self, context):
                self.contexts.append(context)
                return len(self.contexts) - 1

            def get_current(self):
                return self.contexts[-1]

            def detach(self, token):
                del self.contexts[token:]

        api._RUNTIME_CONTEXT = Stack()
    """
    with Receiver(store=Store(100)) as receiver:
        source = dedent(program) + "from opentelemetry.instrumentation.auto_instrumentation import initialize\n"
        done = subprocess.run(
            [sys.executable, "-c", source + "initialize()\n" + dedent(BY_HAND)],
            env=environment(os.environ, "shop", receiver.url, {}),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        traces = list(receiver.store.traces().values())
    assert (0, "") == (done.returncode, done.stderr)
    assert ["shop INTERNAL outer\n  shop INTERNAL inner"] == [trace.shape() for trace in traces]
