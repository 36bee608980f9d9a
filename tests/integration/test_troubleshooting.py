"""docs/troubleshooting.md: every symptom of the distribution is caused, and prints the quoted line."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import trustme
from support.builders.pages import is_printed, quoted_lines
from support.paths import ROOT
from support.polling import poll_until
from support.processes.commands import free_port
from support.servers.scripted_server import ScriptedServer, response, scripted_server
from support.servers.tcp_proxy import tcp_proxy

from spanloom_local.receiver import Receiver
from spanloom_local.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

PAGE = "docs/troubleshooting.md"
SPAN = "from spanloom import instrument\n@instrument\ndef work(): pass\nwork()\n"
STAYS = SPAN + "input()\n"  # until it is killed
MANY = SPAN + "for _ in range(30): work()\n"
LEVELS = "from spanloom import instrument\n@instrument(level='debug')\ndef price(): pass\nprice()\n"
OWN_PROVIDER = (
    "from opentelemetry import trace\nfrom opentelemetry.sdk.trace import TracerProvider\n"
    "trace.set_tracer_provider(TracerProvider())\ntrace.get_tracer('t').start_span('mine').end()\n"
)
LOGS = "import logging\nlogging.getLogger('shop').info('an order')\nlogging.getLogger('shop').warning('late')\n"
OWN_LOGS = "import logging\nlogging.basicConfig(level='INFO')\n" + LOGS
INSTRUMENT = str(Path(sys.executable).with_name("opentelemetry-instrument"))
AT_ONCE = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_EXPORTER_OTLP_TIMEOUT": "0.5"}
TREE = {"OTEL_TRACES_EXPORTER": "tree"}


@contextmanager
def _refusing(status: str) -> Iterator[str]:
    with scripted_server(response(status, "")) as server:
        yield server.url


@contextmanager
def _closed() -> Iterator[str]:
    yield f"http://127.0.0.1:{free_port()}"


@contextmanager
def _server(mode: str, scheme: str = "http") -> Iterator[str]:
    """Yield the URL of a receiver that speaks another protocol."""
    with tcp_proxy() as proxy, scripted_server(response("200 OK", "")) as server:
        proxy.target = server.url
        with proxy.mode(mode):
            yield proxy.url.replace("http", scheme, 1)


class _TlsServer(ScriptedServer):
    """A receiver whose certificate is of an unknown authority."""

    def get_request(self) -> tuple[Any, Any]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
        connection, address = super().get_request()
        return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, *_: Any) -> None:
        """Log nothing about clients that do not trust it."""


@contextmanager
def _tls() -> Iterator[str]:
    with _TlsServer(response("200 OK", "")) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.url.replace("http:", "https:")
        finally:
            server.shutdown()
            thread.join()


class Cause(NamedTuple):
    """A program, its environment, and what makes the endpoint that it sends to."""

    program: str
    environ: tuple[tuple[str, str], ...] = ()
    endpoint: Callable[[], AbstractContextManager[str]] = _closed


def _cause(program: str, endpoint: Callable[[], AbstractContextManager[str]] = _closed, **environ: str) -> Cause:
    return Cause(program, tuple(environ.items()), endpoint)


CAUSES = {
    "Requested component": _cause(SPAN, OTEL_PYTHON_DISTRO="", OTEL_METRICS_EXPORTER="otlp"),
    "Propagator b3": _cause(SPAN, OTEL_PROPAGATORS="b3"),
    "OTEL_EXPORTER_OTLP_TIMEOUT=": _cause(SPAN, OTEL_EXPORTER_OTLP_TIMEOUT="10000"),
    "OTEL_EXPORTER_OTLP_ENDPOINT=": _cause(SPAN, lambda: nullcontext("collector:4318")),
    "OTEL_EXPORTER_OTLP_PROTOCOL=": _cause(SPAN, OTEL_EXPORTER_OTLP_PROTOCOL="grpc"),
    "SPANLOOM_TRUST=": _cause(SPAN, SPANLOOM_TRUST="true"),
    "is not reachable; waiting up to 5 s": _cause(SPAN),
    "could not be sent within 5 s": _cause(SPAN),
    "could not be sent within … s": _cause(SPAN, SPANLOOM_FLUSH_TIMEOUT="0.1"),
    "Connection refused": _cause(STAYS, **AT_ONCE),
    "Name or service not known": _cause(STAYS, lambda: nullcontext("http://nowhere.invalid:4318"), **AT_ONCE),
    "401 Unauthorized": _cause(STAYS, lambda: _refusing("401 Unauthorized"), **AT_ONCE),
    "404 Not Found": _cause(STAYS, lambda: _with_path(_refusing("404 Not Found")), **AT_ONCE),
    "CERTIFICATE_VERIFY_FAILED": _cause(STAYS, _tls, **AT_ONCE),
    "WRONG_VERSION_NUMBER": _cause(STAYS, lambda: _server("garbage", "https"), **AT_ONCE),
    "FileNotFoundError": _cause(
        STAYS, lambda: nullcontext("https://127.0.0.1:4318"), OTEL_EXPORTER_OTLP_CERTIFICATE="no-such.crt", **AT_ONCE
    ),
    "Connection reset by peer": _cause(STAYS, lambda: _server("reset"), **AT_ONCE),
    "Overriding of current TracerProvider": _cause(OWN_PROVIDER, **TREE),
    "the queue of … is full": _cause(
        MANY, OTEL_BSP_MAX_QUEUE_SIZE="10", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="5", SPANLOOM_FLUSH_TIMEOUT="1"
    ),
}
"""What causes a quoted line, by a part of it."""
ELSEWHERE = {
    **dict.fromkeys(
        (
            "the label … on the pod template",
            "the label … has no effect: …",
            "there is no OtelProfile",
            "OtelProfile … is invalid",
            "waits until the",
            "looks after this cluster",
            "not ready … s after",
            "another controller keeps",
        ),
        "tests/unit/operator/test_quoted_messages.py",
    ),
    "the agent has withdrawn": "tests/compatibility/test_agent_conflicts.py",
    "hook … failed 3 times": "tests/compatibility/test_guard.py",
    "postgres requires existingSecret": "tests/charts/test_docs.py",
    "additional properties 'jager'": "tests/charts/test_docs.py",
    "is the Jaeger of this release": "tests/charts/test_docs.py",
    "unbound immediate PersistentVolumeClaims": "tests/e2e/test_docs.py",
    'violates PodSecurity "restricted:latest"': "tests/e2e/test_docs.py",
    "uninstallation completed with 1 error(s)": "tests/e2e/test_docs.py",
    "cleanup failed: DeadlineExceeded": "tests/e2e/test_docs.py",
    "users.database.existingSecret is": "tests/charts/test_database.py",
    "docker is not running": "tests/integration/test_docs_commands.py",
}
"""Quoted lines that another test causes."""
QUOTED = [line for line in quoted_lines(PAGE) if not any(part in line for part in ELSEWHERE)]


@contextmanager
def _with_path(endpoint: AbstractContextManager[str]) -> Iterator[str]:
    with endpoint as url:
        yield f"{url}/v1/traces"


def _environ(endpoint: str, cause: Cause) -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "SPANLOOM_"))}
    telemetry = {
        "OTEL_PYTHON_DISTRO": "spanloom",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_METRICS_EXPORTER": "none",
        "PYTHONUNBUFFERED": "1",
    }
    return inherited | telemetry | dict(cause.environ)


def _output(cause: Cause, quoted: str = "") -> tuple[int, str]:
    """Run a program until it ends or has printed the quoted line; return its exit status and output."""
    with cause.endpoint() as endpoint, NamedTemporaryFile("r+") as written:
        command = [INSTRUMENT, sys.executable, "-c", cause.program]
        options: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": written, "stderr": subprocess.STDOUT}
        with subprocess.Popen(command, cwd=ROOT, env=_environ(endpoint, cause), **options) as program:
            poll_until(
                lambda: program.poll() is not None or (quoted and is_printed(quoted, Path(written.name).read_text())),
                f"it ends, or prints {quoted}",
            )
            program.kill()
        return program.returncode, Path(written.name).read_text()


@cache
def _ended(cause: Cause) -> tuple[int, str]:
    return _output(cause)


@pytest.mark.parametrize("quoted", QUOTED)
def test_a_quoted_line_is_what_its_cause_prints(quoted: str) -> None:
    """The program that the page's entry describes prints the line."""
    [cause] = [cause for part, cause in CAUSES.items() if part in quoted]
    _, output = _ended(cause) if "input()" not in cause.program else _output(cause, quoted)

    assert is_printed(quoted, output), output


def test_every_quoted_line_is_caused() -> None:
    """No cause is left over, and each line that is caused elsewhere names a test that exists."""
    lines = quoted_lines(PAGE)
    assert [] == [part for part in (*CAUSES, *ELSEWHERE) if not any(part in line for line in lines)]
    assert [] == [test for test in ELSEWHERE.values() if not (ROOT / test).is_file()]


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_TIMEOUT", "SPANLOOM_TRUST"])
def test_a_wrong_setting_ends_the_process_with_78(name: str) -> None:
    """The exit status of the entry is that of the process, and there is one line and no more."""
    status, output = _ended(CAUSES[f"{name}="])
    assert (78, 1) == (status, len(output.splitlines()))


SILENT = {
    "disabled": {"OTEL_SDK_DISABLED": "true"},
    "no exporter": {"OTEL_TRACES_EXPORTER": "none"},
    "never sampled": {"OTEL_TRACES_SAMPLER": "always_off"},
}


@pytest.mark.parametrize("name", SILENT)
def test_no_traces_at_all_and_no_message(name: str) -> None:
    """The causes of the first entry print nothing and send nothing."""
    with Receiver(store=Store(10)) as receiver:
        assert (0, "") == _output(_cause(SPAN, lambda: nullcontext(receiver.url), **SILENT[name]))
        assert {} == receiver.store.traces()


def test_a_level_hides_a_function() -> None:
    """A function below the filter's level has no span until the filter lets it pass."""
    assert (0, "") == _output(_cause(LEVELS, **TREE))
    assert is_printed("price …INTERNAL", _output(_cause(LEVELS, SPANLOOM_FILTER="debug", **TREE))[1])


def test_the_applications_logging_wins_over_json() -> None:
    """JSON lines come where the application configured nothing, and its own format where it did."""
    as_json = {"SPANLOOM_LOG_FORMAT": "json", "OTEL_TRACES_EXPORTER": "none"}
    assert (0, "late\n") == _output(_cause(LOGS, OTEL_TRACES_EXPORTER="none"))
    assert is_printed('"message": "an order"', _output(_cause(LOGS, **as_json))[1])
    assert (0, "INFO:shop:an order\nWARNING:shop:late\n") == _output(_cause(OWN_LOGS, **as_json))
