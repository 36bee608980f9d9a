"""The command `spanloom score`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanloom_operator.score.scoring import Score
    from spanloom_operator.score.telemetry import Telemetry

HELP = """\
Rate the telemetry of services by the OpenTelemetry Instrumentation Score, and
name the setting that wins back each point.

\b
  spanloom score telemetry.json           a file of the Collector's file exporter
  spanloom score - < telemetry.json       standard input
  spanloom score http://127.0.0.1:4318    receive OTLP/HTTP there for a minute
"""
EPILOG = """\
\b
Exit status:
  0  every service has the score of --least
  1  a service has a lower one
  2  nothing could be read
"""


def score_command(
    source: Annotated[str, typer.Argument(metavar="URL | FILE", help="address to receive at, or a file of OTLP/JSON")],
    seconds: Annotated[float, typer.Option(help="how long to receive", min=0.1)] = 60,
    least: Annotated[float, typer.Option(help="score that every service must have", min=0, max=100)] = 0,
) -> None:
    """Print the scores, and end with the exit status of the help."""
    from spanloom_operator.score.scoring import scores  # noqa: PLC0415 - half a second that explain does not need
    from spanloom_operator.score.sources import SourceError  # noqa: PLC0415

    try:
        found = scores(_read(source, seconds))
    except SourceError as error:
        print(f"spanloom: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print("\n\n".join("\n".join(_lines(score)) for score in found))
    raise typer.Exit(int(any(score.value < least for score in found)))


def _read(source: str, seconds: float) -> Telemetry:
    from spanloom_operator.score.sources import SourceError, from_file, from_receiver  # noqa: PLC0415

    if source.startswith("http://"):
        print(f"receiving OTLP/HTTP at {source} for {seconds:g} s", file=sys.stderr)
        telemetry = from_receiver(source, seconds)
    elif "://" in source:
        raise SourceError(f"{source}: expected http://HOST:PORT, as TLS is not served")
    else:
        telemetry = from_file(source)
    if not telemetry.services:
        raise SourceError(f"{source}: no telemetry was read")
    return telemetry


def _lines(score: Score) -> Iterator[str]:
    yield f"{score.service or '(no service.name)'}: {score.value:.0f} {score.category}, by {score.rules} rules"
    for rule, reason in score.findings:
        yield f"  {rule.name} {rule.impact.name.title()}: {rule.promise}"
        yield f"    found   {reason}"
        yield f"    remedy  {rule.remedy}"
