"""An environment of an application's packages, a receiver, and PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from compatibility.programs import DISTRIBUTION, ENVIRONMENTS, UVICORN, Door, Program, agent, program
from support.metrics import counts_by, last_points
from support.paths import ROOT
from support.polling import poll_until
from support.processes.environments import install_environment
from support.processes.postgres import Postgres

from spanloom_local.processes import Processes
from spanloom_local.receiver import Receiver
from spanloom_local.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from spanloom.traces.model import Span, Trace

    Run = Callable[..., AbstractContextManager[Program]]


class Arrived:
    """The traces that have come to a receiver."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def traces(self) -> list[Trace]:
        return list(self._receiver.store.traces().values())

    def spans(self) -> list[Span]:
        return [span for trace in self.traces() for span in trace.spans]

    def names(self) -> dict[str, int]:
        """Return how many spans there are of each `KIND name`."""
        return dict(Counter(f"{span.kind} {span.name}" for span in self.spans()))

    def shapes(self) -> list[str]:
        """Return the traces as trees, in order."""
        return sorted(trace.shape().replace("application ", "") for trace in self.traces())

    def measured(self, name: str, *keys: str) -> dict[tuple[Any, ...], int]:
        """Return the counts, or sums, of the last export of a metric by the values of attributes."""
        return dict(counts_by(self.points(name), *keys))

    def points(self, name: str) -> list[Any]:
        """Return the points of the last export of a metric."""
        return last_points(self._receiver.store.metrics, name)

    def wait_for(self, count: int) -> list[Span]:
        return poll_until(lambda: spans if len(spans := self.spans()) >= count else [], f"{count} spans have come")


@pytest.fixture
def every(request: pytest.FixtureRequest) -> str:
    """Return which cases of a long matrix are tried: each with --whole, otherwise every eighth."""
    return "1" if request.config.getoption("--whole") else "8"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(store=Store(1000)) as running:
        yield running


@pytest.fixture
def arrived(receiver: Receiver) -> Arrived:
    return Arrived(receiver)


@pytest.fixture(scope="session")
def home() -> Path:
    """Return the environment with the newest versions."""
    return install_environment(ENVIRONMENTS / "newest.txt")


@pytest.fixture(scope="session")
def agent_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the agent, built from the sources."""
    directory = tmp_path_factory.mktemp("agent")
    subprocess.run([sys.executable, ROOT / "services/telemetry/agent/build.py", directory], check=True)
    return directory


@pytest.fixture(params=["distribution", "agent"])
def door(request: pytest.FixtureRequest, agent_directory: Path) -> Door:
    """Return each way in which telemetry gets into a process."""
    return DISTRIBUTION if request.param == "distribution" else agent(agent_directory)


@pytest.fixture
def traced(home: Path, receiver: Receiver, door: Door) -> Run:
    """Return what runs an application with telemetry that is sent to the receiver."""

    @contextmanager
    def run(app: str, command: Sequence[str] = UVICORN, home: Path = home, **environ: str) -> Iterator[Program]:
        with program(home, app, command, door.to(environ.pop("endpoint", receiver.url)), **environ) as running:
            yield running

    return run


@pytest.fixture
def bare(home: Path) -> Run:
    """Return what runs an application without telemetry."""

    @contextmanager
    def run(app: str, command: Sequence[str] = UVICORN, home: Path = home, **environ: str) -> Iterator[Program]:
        with program(home, app, command, **environ) as running:
            yield running

    return run


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Return a PostgreSQL server for all tests."""
    # Not below pytest's own directory, which is closed to the user that PostgreSQL runs as.
    with TemporaryDirectory() as directory, Processes(Path(directory)) as processes:
        server = Postgres(processes)
        server.initialise()
        server.start()
        yield server


@pytest.fixture
def dsn(postgres: Postgres) -> str:
    """Return the address of an empty database, over TCP or a socket."""
    return postgres.new_database()
