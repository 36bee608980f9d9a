"""A shop on Flask that another agent traces: `other_agents.py PORT NAME`."""

import logging
import sys

from flask import Flask

app = Flask(__name__)
NAME = sys.argv[2]


@app.get("/ok")
def ok():
    return "ok"


def with_ddtrace():
    import ddtrace.trace  # noqa: F401


def with_newrelic():
    import newrelic.agent

    newrelic.agent.initialize()


def with_sentry():
    import sentry_sdk

    sentry_sdk.init(dsn="", traces_sample_rate=1.0)


def with_sentry_without_tracing():
    import sentry_sdk

    sentry_sdk.init(dsn="")


def with_elastic():
    import elasticapm

    elasticapm.Client(service_name="shop", transport_class="elasticapm.transport.base.Transport", enabled=False)


def with_sdk():
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    tracer = trace.get_tracer("made before the SDK is configured")
    trace.set_tracer_provider(TracerProvider())

    @app.get("/by-hand")
    def by_hand():
        with tracer.start_as_current_span("by hand") as span:
            return type(span).__module__ + " " + type(trace.get_tracer_provider()).__module__


if __name__ == "__main__":
    globals()["with_" + NAME]()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app.run(port=int(sys.argv[1]))
