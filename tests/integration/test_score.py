"""`spanloom score` on real telemetry: the project's own stack, files of the Collector, and what is not telemetry."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from support.polling import poll_until
from support.processes.commands import free_port, listens

from spanloom_local.journey import send_journey
from spanloom_local.receiver import Receiver
from spanloom_local.stack import running

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = [sys.executable, "-c", "from spanloom_operator.cli import app; app()", "score"]
SPAN = {
    "traceId": "1" * 32,
    "spanId": "2" * 16,
    "name": "GET",
    "kind": 3,
    "startTimeUnixNano": "1",
    "endTimeUnixNano": "2",
}
RESOURCE = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
LOST_CONTEXT = {"resourceSpans": [{"resource": RESOURCE, "scopeSpans": [{"spans": [SPAN]}]}]}
EXPECTED = """\
shop: 80 Good, by 9 rules
  RES-001 Normal: service.instance.id is present
    found   1 resource without it
    remedy  use Spanloom's distribution or agent, which set it for each process
  SPA-004 Important: roots are not of kind CLIENT
    found   1 root of kind CLIENT, such as 'GET'
    remedy  decorate the function that makes the request with @instrument, or keep the context in its thread
"""


def scored(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
    """Return exit status, standard output and standard error."""
    done = subprocess.run([*COMMAND, *arguments], input=stdin, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_the_own_stack_has_100() -> None:
    """Both services, traced, measured and with logs, keep every rule that applies."""
    url = f"http://127.0.0.1:{free_port()}"
    found: list[tuple[int, str, str]] = []
    receiving = Thread(target=lambda: found.append(scored(url, "--seconds=15", "--least=100")))
    receiving.start()
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_LOGS_EXPORTER": "otlp"}
    with Receiver() as receiver, running(receiver, extra=settings) as stack:
        assert list(send_journey(stack.url))
    receiving.join()
    assert [(0, "users-api: 100 Excellent, by 16 rules\n\nusers-db-service: 100 Excellent, by 16 rules\n")] == [
        each[:2] for each in found
    ]


@pytest.mark.parametrize("source", ["file", "-"])
def test_a_file_of_the_collector(source: str, tmp_path: Path) -> None:
    """What is lost and what wins it back is named; the exit status says whether the score is high enough."""
    text = json.dumps(LOST_CONTEXT) + "\n"
    (tmp_path / "file").write_text(text)
    name = source if source == "-" else str(tmp_path / source)
    assert (0, EXPECTED, "") == scored(name, stdin=text)
    assert 1 == scored(name, "--least=90", stdin=text)[0]


@pytest.mark.parametrize("form", ["JSON", "gzip and chunks", "sent twice"])
def test_what_other_sdks_send(form: str) -> None:
    """JSON, compressed requests without a length, and a request that was sent again."""
    port = free_port()
    found: list[tuple[int, str, str]] = []
    receiving = Thread(target=lambda: found.append(scored(f"http://127.0.0.1:{port}", "--seconds=6")))
    receiving.start()
    poll_until(lambda: listens(port), "it listens")
    body, headers = json.dumps(LOST_CONTEXT).encode(), {"Content-Type": "application/json"}
    if form == "gzip and chunks":
        body, headers = gzip.compress(body), {**headers, "Content-Encoding": "gzip"}
    for _ in range(1 + (form == "sent twice")):
        with closing(HTTPConnection("127.0.0.1", port)) as connection:
            connection.request("POST", "/v1/traces", iter([body[:40], body[40:]]), headers, encode_chunked=True)
            assert 200 == connection.getresponse().status
    receiving.join()
    assert [(0, EXPECTED)] == [each[:2] for each in found]


@pytest.mark.parametrize(("text", "line"), [("{}", 1), ("\n[1]", 2), ("text", 1), ('{"resourceSpans": 1}', 1)])
def test_what_is_not_telemetry_is_one_line(text: str, line: int) -> None:
    """With the place, and what was expected."""
    expected = f"spanloom: -, line {line}: expected a request of OTLP/JSON, as the Collector's file exporter writes\n"
    assert (2, "", expected) == scored("-", stdin=text)


def test_nothing_is_one_line(tmp_path: Path) -> None:
    """An empty file, a file that does not exist, an address in use, a URL that asks for TLS."""
    (tmp_path / "empty").write_text("")
    assert (2, "", f"spanloom: {tmp_path}/empty: no telemetry was read\n") == scored(f"{tmp_path}/empty")
    assert (2, "", f"spanloom: {tmp_path}/none: No such file or directory\n") == scored(f"{tmp_path}/none")
    with Receiver() as receiver:
        assert (2, "") == scored(receiver.url, "--seconds=1")[:2]
    assert (2, "", "spanloom: https://a: expected http://HOST:PORT, as TLS is not served\n") == scored("https://a")
