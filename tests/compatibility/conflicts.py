"""The conflict corpus under the agent and under the OpenTelemetry Operator's layout: `make conflicts`."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from signal import SIGINT
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from compatibility.programs import BARE, Door, agent, installed, program
from compatibility.versions import AGENT
from support.paths import ROOT
from support.processes.operators_layout import install_layout, layout_path

from spanloom_local.receiver import Receiver
from spanloom_local.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOP = ["python", "pinned_shop.py", "{port}"]
COMMANDS = {"agent-gevent": ["gunicorn", "-k", "gevent", "-b", "127.0.0.1:{port}", "pinned_shop:app"]}
PINNED = ("protobuf", "typing_extensions", "wrapt", "urllib3", "requests", "packaging", "psutil", "opentelemetry-api")
PATHS = ("/orders/7", "/used")


def operators_layout(directory: Path) -> Door:
    """Install the requirements into a directory, and return the way in that the OpenTelemetry Operator writes."""
    install_layout(directory)
    return Door((), {"PYTHONPATH": layout_path(directory), "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"})


class Outcome(NamedTuple):
    """What an application did: status codes, the versions of its packages, the last line that it wrote, spans."""

    statuses: list[int]
    versions: dict[str, str]
    last_line: str
    spans: int


def outcome(name: str, door: Door) -> Outcome:
    """Run the shop of an environment, and return what it did; no status codes if it did not start."""
    with Receiver(store=Store(1000)) as receiver:
        to = door if door == BARE else door.to(receiver.url)
        with program(installed(name), "shop", COMMANDS.get(name, SHOP), to) as running:
            if running.popen.poll() is None:
                running.send(*PATHS)
                running.popen.send_signal(SIGINT)  # at SIGTERM an SDK sends nothing in a process without a handler
            running.wait()
        spans = sum(len(trace.spans) for trace in receiver.store.traces().values())
    statuses = [status for _, status, _ in running.responses]
    used = json.loads(running.responses[-1][2]) if statuses[-1:] == [200] else {}
    return Outcome(statuses, used, running.err.rstrip().rpartition("\n")[2], spans)


def verdict(bare: Outcome, found: Outcome) -> str:
    """Return in words what an application did that it does not do bare."""
    if not found.statuses:
        return f"does not start: `{found.last_line}`".replace("|", r"\|")
    if bare.statuses != found.statuses:
        return "requests fail"
    pinned = [name for name in PINNED if bare.versions[name]]
    replaced = [f"{name} {found.versions[name]}" for name in pinned if bare.versions[name] != found.versions[name]]
    traced = "traced" if found.spans else "not traced"
    return f"{traced}; runs with {', '.join(replaced)}" if replaced else f"{traced}; as without"


def rows(doors: dict[str, Door]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield f"| packages of the application | {' | '.join(doors)} |"
    yield "| --- " * (len(doors) + 1) + "|"
    for name, environment in AGENT.items():
        bare = outcome(name, BARE)
        verdicts = (verdict(bare, outcome(name, door)) for door in doors.values())
        needs = ", ".join(f"`{need}`" for need in environment.needs)
        yield f"| Python {environment.python}: {needs} | {' | '.join(verdicts)} |"


def main() -> None:
    """Print the table."""
    with ExitStack() as stack:
        ours, theirs = (Path(stack.enter_context(TemporaryDirectory())) for _ in range(2))
        subprocess.run([sys.executable, ROOT / "services/telemetry/agent/build.py", ours], check=True)
        doors = {"Spanloom's agent": agent(ours), "the OpenTelemetry Operator's layout": operators_layout(theirs)}
        for row in rows(doors):
            print(row, flush=True)


if __name__ == "__main__":
    main()
