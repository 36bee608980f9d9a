"""The process: what goes wrong at the start, or later, is one line and an exit status."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest
from support.processes.commands import free_port

from spanloom_operator.__main__ import leaves
from spanloom_operator.controller.leases import LeaseLost

HOME = {"SPANLOOM_OPERATOR_NAMESPACE": "home"}


def run(environ: dict[str, str]) -> tuple[int, str]:
    """Run the operator until it ends; return its exit status and error output."""
    ports = {f"SPANLOOM_OPERATOR_{name}_PORT": str(free_port()) for name in ("METRICS", "PROBE")}
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("SPANLOOM", "KUBE"))}
    command = [sys.executable, "-m", "spanloom_operator"]
    environment = {**inherited, **ports, **environ}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("environ", "status", "expected"),
    [
        (
            {**HOME, "SPANLOOM_OPERATOR_GRACE": "0"},
            78,
            "spanloom-operator: SPANLOOM_OPERATOR_GRACE='0' is not understood; expected greater than 0\n",
        ),
        (
            {**HOME, "HOME": "/nowhere"},
            1,
            "spanloom-operator: no service account and no kubeconfig: set KUBECONFIG\n",
        ),
    ],
)
def test_what_goes_wrong_is_one_line(environ: dict[str, str], status: int, expected: str) -> None:
    """Invalid settings have status 78, a missing login 1; neither prints a traceback."""
    assert (status, expected) == run(environ)


def test_errors_of_tasks_are_lines_too() -> None:
    """An error in a group of tasks is found, however deep."""

    async def fail() -> None:
        raise LeaseLost("lost")

    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())

    with pytest.raises(BaseExceptionGroup) as raised:
        asyncio.run(work())
    assert ["lost"] == [str(error) for error in leaves(BaseExceptionGroup("outer", [raised.value]))]
