"""The command `spanloom explain`."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from spanloom_operator.explain import output
from spanloom_operator.explain.names import Target, targets
from spanloom_operator.explain.problems import UsageError
from spanloom_operator.explain.report import Request, explain_all

HELP = """\
Show what the operator injects into Deployments, StatefulSets, DaemonSets and
CronJobs: every variable with its value, source and owner, and the reason for
each that is not injected. Nothing is written.

\b
  spanloom explain deployment/shop            in the current namespace
  spanloom explain deploy shop cart -n demo   several
  spanloom explain sts/db cj/report           of other kinds
  spanloom explain deployments -o yaml        all of the namespace
  spanloom explain -f deploy/                 manifests of a directory
  helm template shop | spanloom explain -f -  standard input
  spanloom explain -f shop.yaml --local       without asking a cluster
"""
EPILOG = """\
\b
Exit status:
  0  everything was explained; a note names what is not known
  1  something was not: no such workload, an unreadable file, no response
  2  the arguments are not understood
"""
ARGUMENTS = "deployment/NAME ..., or deployment NAME ...; without a NAME, all of the namespace or the files"


class Output(StrEnum):
    """Forms of the output."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


FORMATS = {Output.TEXT: output.as_text, Output.JSON: output.as_json, Output.YAML: output.as_yaml}


def explain_command(
    workloads: Annotated[list[str] | None, typer.Argument(metavar="TYPE/NAME | TYPE NAME", help=ARGUMENTS)] = None,
    file: Annotated[
        list[str] | None, typer.Option("--filename", "-f", "--file", help="file or directory; - is standard input")
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-R", help="read the directories in -f recursively")
    ] = False,
    local: Annotated[bool, typer.Option("--local", help="read only the files of -f, ask no cluster")] = False,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="default: the context's")] = "",
    context: Annotated[str, typer.Option("--context", help="context of the kubeconfig; default: the current one")] = "",
    kubeconfig: Annotated[str, typer.Option("--kubeconfig", help="default: $KUBECONFIG, then ~/.kube/config")] = "",
    home: Annotated[str, typer.Option("--home", help="the operator's namespace; default: where one is installed")] = "",
    form: Annotated[Output, typer.Option("--output", "-o", help="form of the output")] = Output.TEXT,
) -> None:
    """Explain what is asked for, print it, and end with the exit status of the help."""
    try:
        chosen = _checked(workloads or [], file or [], local=local)
    except UsageError as error:
        _print_error(str(error))
        raise typer.Exit(2) from None
    request = Request(chosen, tuple(file or ()), recursive, local, namespace, context, kubeconfig, home)
    report = explain_all(request)
    for line in report.lines:
        _print_error(line)
    if report.explanations or form is not Output.TEXT:
        print(FORMATS[form](report.explanations))
    raise typer.Exit(int(report.failed))


def _checked(arguments: list[str], files: list[str], *, local: bool) -> tuple[Target, ...]:
    """Return the workloads to explain; raise UsageError when the arguments name nothing to explain."""
    if local and not files:
        raise UsageError("--local reads files: name them with -f")
    if not arguments and not files:
        raise UsageError("name a workload, such as deployment/shop, or files with -f")
    return targets(arguments)


def _print_error(line: str) -> None:
    print(f"spanloom: {output.printable(line)}", file=sys.stderr)
