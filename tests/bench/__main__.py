"""`make bench`: the overhead of tracing, compared with other distributions. Exit status 3: the run is invalid."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from dataclasses import asdict
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from bench import measure, report
from bench.arms import ARMS, choose
from bench.content import NAMES, examine
from bench.cpu import pinned, split_cores
from bench.decode import spans
from bench.environments import installed
from bench.load import LoadError
from bench.plot import svg
from bench.results import row, verdict
from bench.services import running
from bench.sink import read
from rich.console import Console
from support.processes.environments import NotInstalledError

from spanloom_local import terminal
from spanloom_local.processes import StackError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.arms import Arm
    from bench.measure import Measured, Plan
    from bench.results import Row

    from spanloom.traces.model import Span

VOID = 3
# Tables keep all columns when the output is a file or a narrow terminal.
console = Console(highlight=False, theme=terminal.THEME, width=max(Console().width, report.WIDTH))


def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Run under 3 minutes on an idle machine.")] = False,
    arms: Annotated[str, typer.Option(help="Names separated by commas; both untraced arms always run.")] = "",
    out: Annotated[Path | None, typer.Option(help="Directory for bench.json and bench.svg.")] = None,
) -> None:
    """Measure the overhead of tracing: every arm runs the same two services with the same PostgreSQL."""
    try:
        if not hasattr(os, "sched_setaffinity"):
            raise StackError("the benchmark requires Linux: it reads /proc and pins processes to cores")
        chosen, left_out = installed(choose(arms.split(",") if arms else [arm.name for arm in ARMS]))
        status = _run(chosen, left_out, measure.QUICK if quick else measure.FULL, out)
    except (ValueError, StackError, LoadError, NotInstalledError) as error:
        terminal.failure(console, str(error), getattr(error, "details", ()))
        raise typer.Exit(2) from None
    raise typer.Exit(status)


def _run(arms: Sequence[Arm], left_out: dict[str, str], plan: Plan, out: Path | None) -> int:
    for name, reason in left_out.items():
        console.print(f"[yellow]left out: {name}[/]: {reason}")
    services, others = split_cores(os.sched_getaffinity(0))
    console.print(_where(services, others), style="dim")
    with pinned(others), TemporaryDirectory(prefix="spanloom-bench-") as kept:
        directories = [Path(kept, str(number)) for number in range(plan.batches)]
        found = measure.merge([_batch(arms, services, plan, directory) for directory in directories])
        rows = _rows(arms, found, directories)
    judged = verdict(found)
    for table in report.tables(rows):
        console.print("", table)
    console.print()
    for each in rows:
        for fault in each.faults:
            console.print(f"[red]{each.title}[/]: {fault}", soft_wrap=True)
    console.print(f"[{'bold red' if judged.void else 'green'}]{report.sentence(judged)}[/]", soft_wrap=True)
    if out:
        _write(out, rows, report.document(rows, judged, left_out, asdict(plan), shlex.join(["make", "bench", _args()])))
    return VOID if judged.void else int(any(each.faults for each in rows if each.name.startswith("spanloom")))


def _args() -> str:
    return f"ARGS={shlex.join(sys.argv[1:])}"


def _where(services: set[int], others: set[int]) -> str:
    if services == others:
        return f"warning: one core only ({services}) for services, database, load and sink; wall times are unreliable"
    return f"services on core {services}, PostgreSQL, load and sink on {others}"


def _batch(arms: Sequence[Arm], services: set[int], plan: Plan, directory: Path) -> dict[str, Measured]:
    directory.mkdir()
    with console.status("") as status:

        def show(what: str, done: float = 0.0) -> None:
            status.update(
                f"batch {int(directory.name) + 1} of {plan.batches}: {what}" + (f" {done:.0%}" if done else "")
            )

        start = time.monotonic()
        with running(arms, services, directory, lambda what: show(f"starting {what}")) as started:
            found = measure.batch(started, plan, Random(), show)
            show("stopping")
    console.print(f"batch {int(directory.name) + 1} of {plan.batches}: {time.monotonic() - start:.0f} s", style="dim")
    return found


def _rows(arms: Sequence[Arm], found: dict[str, Measured], directories: Sequence[Path]) -> list[Row]:
    with console.status("decoding the requests of the sink"):
        return [_row(number, arm, found, directories) for number, arm in enumerate(arms)]


def _row(number: int, arm: Arm, found: dict[str, Measured], directories: Sequence[Path]) -> Row:
    received: list[Span] = [span for directory in directories for span in spans(read(directory / str(number)))]
    return row(arm, found, examine(received, NAMES[arm.names], found[arm.name].served, arm.share))


def _write(out: Path, rows: Sequence[Row], document: dict[str, object]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "bench.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    subtitle = "VOID: two untraced arms differed" if document["void"] else "95 % confidence intervals"
    (out / "bench.svg").write_text(svg(rows, subtitle))
    console.print(f"written: {out / 'bench.json'}, {out / 'bench.svg'}", style="dim")


if __name__ == "__main__":
    typer.run(main)
