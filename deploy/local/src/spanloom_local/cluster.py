"""Send one request to a release on Kubernetes; print its trace and its log records: the last step of `make up`."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Annotated
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import typer
from rich.console import Console

from spanloom.testing import from_jaeger
from spanloom.traces.model import group
from spanloom_local import terminal
from spanloom_local.cluster_metrics import wait_for_calls
from spanloom_local.journey import CREATE, SERVICES, Response, send, trace_of
from spanloom_local.polling import poll_until
from spanloom_local.processes import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanloom.traces.model import Trace

TRACE_SECONDS = 60.0
NEXT = """\
kubectl -n {namespace} port-forward service/{release}-users-api 8000 &
curl --retry 9 --retry-connrefused localhost:8000/users
kubectl -n {namespace} port-forward service/{release}-jaeger 16686 &         # traces: http://localhost:16686
kubectl -n {namespace} port-forward service/{release}-prometheus 9090 &      # metrics: http://localhost:9090
kubectl -n {namespace} port-forward service/{release}-victoria-logs 9428 &   # logs: http://localhost:9428/select/vmui
helm test {release} -n {namespace} --logs
make down"""


@contextmanager
def forwarded(namespace: str, service: str, port: int) -> Iterator[str]:
    """Forward a local port to a Service of the current cluster; yield the URL. StackError with kubectl's output."""
    command = ["kubectl", "--namespace", namespace, "port-forward", f"service/{service}", f":{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as kubectl:  # noqa: S603 ours
        try:
            assert kubectl.stdout is not None  # noqa: S101 a pipe was asked for
            line = kubectl.stdout.readline()  # Forwarding from 127.0.0.1:40123 -> 8000
            if not line.startswith("Forwarding from 127.0.0.1:"):
                raise StackError(
                    f"{service} is not reachable: {line.strip() or 'kubectl port-forward exited without output'}"
                )
            # kubectl prints a line for each connection, and waits when the pipe is full
            Thread(target=kubectl.stdout.read, daemon=True).start()
            yield f"http://127.0.0.1:{line.split(':')[1].split()[0]}"
        finally:
            kubectl.terminate()


EDGE = "users-api"


def found_in_jaeger(jaeger_url: str, response: Response, service: str = EDGE) -> Trace | None:
    """Return the trace of this request as Jaeger has it now, or None."""
    query = urlencode({"service": service, "tags": json.dumps({"user_agent.original": response.mark}), "limit": 5})
    try:
        with urlopen(f"{jaeger_url}/api/traces?{query}", timeout=10) as page:  # noqa: S310 http, and ours
            spans = from_jaeger(json.load(page))
    except URLError:
        return None
    return trace_of(response, group(spans).values())


def wait_for_trace(
    jaeger_url: str, response: Response, spans: int, seconds: float = TRACE_SECONDS, service: str = EDGE
) -> Trace:
    """Wait until Jaeger has `spans` spans of this request to `service`, and return the trace.

    TimeoutError after `seconds`.
    """

    def complete() -> Trace | None:
        trace = found_in_jaeger(jaeger_url, response, service)
        return trace if trace and len(trace.spans) >= spans else None

    return poll_until(complete, f"Jaeger has {spans} spans of {response.mark}", seconds)


def log_lines(logs_url: str, trace_id: str) -> list[str]:
    """Return service, severity and message of each log record of a trace, as VictoriaLogs has them now, by time."""
    form = urlencode({"query": f'trace_id:="{trace_id}" | sort by (_time)'}).encode()
    try:
        with urlopen(f"{logs_url}/select/logsql/query", form, timeout=10) as page:  # noqa: S310 http, and ours
            records = [json.loads(line) for line in page]
    except URLError:
        return []
    return [terminal.printable(f"{r['service.name']:18}{r['severity_text']:7}{r['_msg']}") for r in records]


def wait_for_log_lines(logs_url: str, trace_id: str, seconds: float = TRACE_SECONDS) -> list[str]:
    """Wait until both services have a log record of the trace; TimeoutError after `seconds`."""

    def complete() -> list[str] | None:
        lines = log_lines(logs_url, trace_id)
        return lines if SERVICES.keys() <= {line.split()[0] for line in lines} else None

    return poll_until(complete, f"VictoriaLogs has log records of both services of trace {trace_id}", seconds)


def show(edge: str, jaeger: str, logs: str, console: Console) -> None:
    """Create a user at the edge and print trace and log records of the request; StackError if one is not complete."""
    response = send(edge, CREATE.method, CREATE.route, CREATE.body)
    console.print(f"{CREATE.method} {CREATE.route} → {response.status}")
    trace = wait_for_trace(jaeger, response, len(CREATE.tree.splitlines()))
    terminal.show_trace(console, trace)
    if trace.shape() != CREATE.tree:
        raise StackError(f"the trace differs from the expected one:\n{CREATE.tree}")
    if logs:
        console.print("\nIts log records:\n" + "\n".join(wait_for_log_lines(logs, trace.trace_id)), markup=False)


def show_calls(namespace: str, release: str, console: Console) -> None:
    """Print how many such requests the release's Prometheus has counted; TimeoutError if it has none."""
    with forwarded(namespace, f"{release}-prometheus", 9090) as prometheus:
        calls = wait_for_calls(prometheus, CREATE, EDGE)
    console.print(
        f"\nPrometheus has counted {calls} requests {CREATE.method} {CREATE.route} of {EDGE}", highlight=False
    )


def show_forwarded(namespace: str, release: str, console: Console) -> None:
    """Connect to the release by port-forwards, print one trace, its log records, its metric and the next commands."""
    with (
        forwarded(namespace, f"{release}-users-api", 8000) as edge,
        forwarded(namespace, f"{release}-jaeger", 16686) as jaeger,
        forwarded(namespace, f"{release}-victoria-logs", 9428) as logs,
    ):
        show(edge, jaeger, logs, console)
    show_calls(namespace, release, console)
    console.print("\nNext:\n" + NEXT.format(namespace=namespace, release=release), highlight=False, soft_wrap=True)


def main(
    namespace: Annotated[str, typer.Option(help="Namespace of the release.")] = "spanloom",
    release: Annotated[str, typer.Option(help="Name of the release.")] = "spanloom",
    edge: Annotated[str, typer.Option(help="URL of users-api inside the cluster; requires --jaeger.")] = "",
    jaeger: Annotated[str, typer.Option(help="URL of Jaeger's query API; requires --edge.")] = "",
    logs: Annotated[str, typer.Option(help="URL of VictoriaLogs; without it, --edge prints no log records.")] = "",
) -> None:
    """Send one request to a release and print its trace and its log records, by port-forwards or at the given URLs."""
    console = Console(theme=terminal.THEME)
    try:
        if edge and jaeger:
            show(edge, jaeger, logs, console)
        else:
            show_forwarded(namespace, release, console)
    except (StackError, TimeoutError, OSError) as error:
        terminal.failure(console, str(error))
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
