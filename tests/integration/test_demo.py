"""`spanloom-local` as a process: its terminal output, its exit status and what it leaves behind."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil  # type: ignore[import-untyped]  # it has no types of its own
import pytest
from support.polling import poll_until

from spanloom_local.journey import JOURNEY, send
from spanloom_local.ports import listen

DEMO = Path(sys.executable).with_name("spanloom-local")
STARTED = "Ctrl-C stops everything."


class Demo:
    """A running demo: its output so far, and all of its processes."""

    def __init__(self, popen: subprocess.Popen[str], output: Path, temporary: Path) -> None:
        self.popen, self._output, self._temporary = popen, output, temporary

    @property
    def text(self) -> str:
        return self._output.read_text()

    def url(self, name: str) -> str:
        """Return the address printed after `name`."""
        found = re.search(rf"^{name}\s+(http://[\d.:]+)", self.text, re.MULTILINE)
        assert found, self.text
        return found[1]

    def until(self, words: str) -> None:
        poll_until(lambda: words in self.text or self.popen.poll() is not None, f"the demo prints {words!r}", 60)
        assert words in self.text

    def member(self, words: str) -> psutil.Process:
        """Return the child process with `words` in its command line."""
        [found] = [child for child in psutil.Process(self.popen.pid).children() if words in " ".join(child.cmdline())]
        return found

    def type(self, line: str) -> None:
        assert self.popen.stdin
        print(line, file=self.popen.stdin, flush=True)

    def ends(self) -> int:
        return self.popen.wait(30)

    def leftovers(self) -> list[object]:
        """Return the remaining processes and files: all run in the temporary directory or have its name."""
        place = str(self._temporary)
        everyone = psutil.process_iter(["cwd", "cmdline"])
        theirs = (process for process in everyone if process.pid != self.popen.pid)
        alive = [each for each in theirs if place in f"{each.info['cwd']} {each.info['cmdline']}"]
        return [*alive, *self._temporary.iterdir()]


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[Demo]:
    """Run the demo with its temporary files in the test's own directory."""
    with TemporaryDirectory(prefix="demo-") as place:
        temporary, output = Path(place, "tmp"), Path(place, "output")
        for directory in (Path(place), temporary):
            directory.mkdir(exist_ok=True)
            directory.chmod(0o755)  # as root PostgreSQL runs as another user
        with (
            output.open("w") as file,
            subprocess.Popen(
                [DEMO, *arguments],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, "TMPDIR": str(temporary), **environment},
            ) as popen,
        ):
            try:
                yield Demo(popen, output, temporary)
            finally:
                popen.terminate()


def test_once_prints_every_trace_and_exits_0() -> None:
    """The demo prints a tree for each request of the journey, exits with status 0 and leaves nothing."""
    with running("--once") as demo:
        assert (0, []) == (demo.ends(), demo.leftovers()), demo.text
        assert [step.title for step in JOURNEY] == re.findall(r"^✓ ([\w ]+): [A-Z]+ /", demo.text, re.MULTILINE)
        assert len(JOURNEY) == len(re.findall(r" users-db-service +CLIENT ", demo.text))
        assert f"✓ {len(JOURNEY)} of {len(JOURNEY)} traces as expected\n" in demo.text


def test_a_filter_changes_the_expected_traces() -> None:
    """SPANLOOM_FILTER=warn removes function spans from the traces and from the expected trees."""
    with running("--once", SPANLOOM_FILTER="warn") as demo:
        assert 0 == demo.ends(), demo.text
        assert "INTERNAL" not in demo.text


def test_a_trace_that_differs_causes_status_1(tmp_path: Path) -> None:
    """When a trace differs from the table, the demo prints both trees side by side and exits with status 1."""
    script = tmp_path / "wrong.py"
    script.write_text(
        "from spanloom_local import demo, journey\n"
        "journey.TREE = journey.TREE.replace('INTERNAL {edge}', 'INTERNAL other')\n"
        "demo.main()\n"
    )
    with subprocess.Popen([sys.executable, script, "--once"], stdout=subprocess.PIPE, text=True) as popen:
        output, _ = popen.communicate(timeout=60)
    assert 1 == popen.returncode
    assert f"✗ 0 of {len(JOURNEY)} traces as expected\n" in output
    assert re.search(r"^!   users-api INTERNAL other +\|   users-api INTERNAL create_user$", output, re.MULTILINE)


def test_two_demos_run_at_the_same_time() -> None:
    """Two demos use separate ports; each prints the traces of its own requests; Ctrl-C exits with status 0."""
    with running() as demo, running("--once") as second:
        demo.until(STARTED)
        before = demo.text.count("GET /users  ")
        assert 200 == send(demo.url("users-api"), "GET", "/users").status
        poll_until(lambda: demo.text.count("GET /users  ") > before, "the trace is printed")
        assert len(JOURNEY) + 1 == len(send(demo.url("Traces"), "GET", "/api/traces").body["traces"])
        assert 0 == second.ends(), second.text
        demo.popen.send_signal(signal.SIGINT)
        assert (0, []) == (demo.ends(), demo.leftovers())


def test_a_breakage_is_caused_and_ended_under_load() -> None:
    """`--break` causes a breakage, `repair` ends it; the load's traces are not printed."""
    with running("--load", "--break", "downstream-outage") as demo:
        demo.until("downstream-outage is active")
        assert 503 == send(demo.url("users-api"), "GET", "/users").status
        demo.until("ClientConnectorError")
        demo.type("repair")
        demo.until("no breakage is active")
        assert 200 == send(demo.url("users-api"), "GET", "/users").status
        assert 3 == demo.text.count("ClientConnectorError"), "three attempts of one request, and none of the load"


def test_the_first_round_ends_with_where_to_look() -> None:
    """One line for each signal: its address, and what has arrived of it."""
    with running() as demo:
        demo.until(STARTED)
        page = demo.url("Traces")
        lines = [line.split(maxsplit=2) for line in demo.text.splitlines() if "/#" in line]
        assert [f"{page}/#{name}" for name in ("traces", "metrics", "logs")] == [address for _, address, _ in lines]
        assert ["5 traces, 30 spans", "rate, errors and duration of 8 routes, 10 requests"] == [
            arrived for _, _, arrived in lines[:2]
        ]
        assert re.fullmatch(r"\d{2} lines, linked to their spans", lines[2][2])


@pytest.mark.parametrize("words", ["✓ PostgreSQL", "✓ create a user"])
def test_ctrl_c_during_the_start_leaves_nothing(words: str) -> None:
    """Ctrl-C while parts start leaves no process and no file; the status reports the unfinished journey."""
    with running() as demo:
        demo.until(words)
        demo.popen.send_signal(signal.SIGINT)
        assert (128 + signal.SIGINT, []) == (demo.ends(), demo.leftovers()), demo.text
        assert "Traceback" not in demo.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_however_it_ends(number: signal.Signals) -> None:
    """After SIGTERM and after SIGKILL, no process and no file remains."""
    with running() as demo:
        demo.until(STARTED)
        assert 5 <= len(demo.leftovers()), "PostgreSQL, both services, the guardian and a directory exist"
        demo.popen.send_signal(number)
        assert {signal.SIGTERM: 0, signal.SIGKILL: -signal.SIGKILL}[number] == demo.ends()
        poll_until(lambda: not demo.leftovers(), "nothing is left")


@pytest.mark.parametrize(
    ("words", "name"),
    [("users_api.app", "users-api"), ("users_db.app", "users-db-service"), ("bin/postgres", "PostgreSQL")],
)
def test_a_killed_process_is_named(words: str, name: str) -> None:
    """The demo prints which process ended and what to do, exits with status 1 and leaves nothing."""
    with running() as demo:
        demo.until(STARTED)
        demo.member(words).kill()
        assert 1 == demo.ends()
        assert (
            f"✗ {name} was killed by SIGKILL; the other processes were stopped. Start again with `make demo`."
            in demo.text
        )
        assert "Traceback" not in demo.text
        poll_until(lambda: not demo.leftovers(), "nothing is left")


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (
            ["--port", "{busy}"],
            {},
            "✗ port {busy} is not available: Address already in use. Free it or choose another.",
        ),
        (["--page-port", "{busy}"], {}, "✗ port {busy} is not available: Address already in use."),
        ([], {"SPANLOOM_FILTER": "loud"}, "✗ SPANLOOM_FILTER='loud' is not understood; expected LEVEL or TARGET=LEVEL"),
    ],
    ids=["busy port", "busy page port", "invalid filter"],
)
def test_invalid_options_are_refused_at_once(arguments: list[str], environment: dict[str, str], message: str) -> None:
    """An option that cannot work causes one line and status 1, and nothing is started."""
    with listen(0) as taken:
        busy = taken.getsockname()[1]
        with running(*(word.format(busy=busy) for word in arguments), **environment) as demo:
            assert (1, []) == (demo.ends(), demo.leftovers())
            assert demo.text.startswith(message.format(busy=busy))


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    """A package that is not installed causes one line with the remedy instead of an ImportError."""
    script = tmp_path / "missing.py"
    script.write_text(
        "import sys\n"
        "from spanloom_local import demo, stack\n"
        "stack.PARTS = (*stack.PARTS, 'users_cache.app')\n"
        "demo.main()\n"
    )
    done = subprocess.run([sys.executable, script, "--once"], capture_output=True, text=True, check=False)
    assert 1 == done.returncode
    assert "✗ users_cache.app is not installed. Run `make setup`." in done.stdout
