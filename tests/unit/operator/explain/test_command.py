"""`spanloom explain`: arguments, help and the installed programs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.processes.explain_command import HOME, NAMES, SHOP, Run, files, run

PROGRAMS = Path(sys.executable).parent


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", "Usage: "),
        ("shop", "'shop': expected TYPE/NAME or TYPE NAME, such as deployment/shop"),
        ("deploy/shop -o wide", "'wide' is not one of 'text', 'json', 'yaml'"),
        ("deploy/shop --local", "--local reads files: name them with -f"),
        ("-n demo", "name a workload, such as deployment/shop, or files with -f"),
        ("deploy/shop --nothing", "No such option: --nothing"),
    ],
)
def test_usage(arguments: str, expected: str) -> None:
    """What is not understood has status 2 and says what is expected."""
    done = run(*arguments.split())

    assert 2 == done.status
    assert expected in done.err + done.out


def test_other_things_that_go_wrong() -> None:
    """A file that is absent, and files without a whole Deployment, are one line with status 1."""
    files(a=yaml.safe_dump(HOME))

    assert Run(1, "", "spanloom: none: No such file or directory\n") == run("-f", "none")
    assert Run(1, "", "spanloom: no whole workload in a\n") == run("-f", "a")
    assert Run(1, "", "spanloom: no whole Deployment none in a\n") == run("deploy/none", "-f", "a")


@pytest.mark.parametrize("program", [("spanloom",), ("kubectl-spanloom",)])
@pytest.mark.parametrize("columns", ["80", "20"])
def test_names_are_whole_at_any_width(program: tuple[str, ...], columns: str, tmp_path: Path) -> None:
    """The installed programs cut no name, however narrow the terminal, and print lines that grep finds."""
    files(a=yaml.safe_dump_all([SHOP, HOME]))
    environ = {"COLUMNS": columns, "HOME": str(tmp_path), "PATH": ""}
    command = [PROGRAMS / program[0], "explain", "-f", "a", "--local"]

    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)

    lines = [line.split() for line in done.stdout.splitlines()]
    assert NAMES <= {line[1] for line in lines if len(line) > 1}
    assert ["app", "OTEL_EXPORTER_OTLP_ENDPOINT", "spanloom-system/default"] in [line[:3] for line in lines]


def test_help_documents_the_exit_statuses() -> None:
    """`--help` says what each exit status means, and fits 80 columns."""
    done = run("--help")

    assert ["0", "1", "2"] == [line.split()[0] for line in done.out.split("Exit status:\n")[1].splitlines()]
    assert 80 >= max(map(len, done.out.splitlines()))
