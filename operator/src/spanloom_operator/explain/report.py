"""One run of `spanloom explain`: what to explain, from where, and what went wrong on the way."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spanloom_operator.explain.cluster import Cluster
from spanloom_operator.explain.documents import Document, parse
from spanloom_operator.explain.files import read_texts
from spanloom_operator.explain.kubeconfig import kubeconfig_files, read_context
from spanloom_operator.explain.login import connection_of, service_account
from spanloom_operator.explain.problems import ExplainError
from spanloom_operator.explain.reading import explain_with
from spanloom_operator.explain.sources import Files, NoCluster, Reader
from spanloom_operator.explain.workload import whole_workload
from spanloom_operator.kinds import KINDS, UNCHANGEABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spanloom_operator.explain.documents import Object
    from spanloom_operator.explain.explanation import Explanation
    from spanloom_operator.explain.names import Target
    from spanloom_operator.explain.sources import Source

INPUT_KINDS = frozenset({"Namespace", "ConfigMap", "OtelProfile"})
"""Kinds of a manifest that are read for the decision: they do not count as skipped."""


@dataclass(frozen=True)
class Request:
    """The command line. Without `targets`, all of the files, which are as of kubectl's -f."""

    targets: tuple[Target, ...] = ()
    files: tuple[str, ...] = ()
    recursive: bool = False
    local: bool = False
    namespace: str = ""
    context: str = ""
    kubeconfig: str = ""
    home: str = ""


@dataclass
class Report:
    """What was explained, one line for whatever was not, and whether a line is an error."""

    explanations: list[Explanation] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    failed: bool = False

    def fail(self, error: ExplainError) -> None:
        """Add the line of an error, once."""
        self.lines += [str(error)] if str(error) not in self.lines else []
        self.failed = True


def explain_all(request: Request) -> Report:
    """Explain every workload of the request; what cannot be explained becomes a line."""
    report = Report()
    try:
        cluster, current = _cluster(request)
        namespace = request.namespace or current
        files = _files(request, namespace, report)
        chosen = _chosen(request, files, cluster, namespace, report)
    except ExplainError as error:
        report.fail(error)
        return report
    for workload in chosen:
        _explain(workload, Reader(files, cluster), request, report)
    return report


def _explain(workload: Object, reader: Reader, request: Request, report: Report) -> None:
    try:
        its = workload if request.files else _live(workload, reader.files.namespace)
        report.explanations.append(explain_with(reader, its, request.home))
    except ExplainError as error:
        report.fail(error)


def _cluster(request: Request) -> tuple[Source, str]:
    """Return the cluster and its current namespace; a cluster that files do not need may be missing."""
    if request.local:
        return NoCluster("--local: only the files are read"), "default"
    try:
        return _connect(request)
    except ExplainError as error:
        if request.files and not (request.context or request.kubeconfig):
            return NoCluster(str(error)), "default"
        raise


def _connect(request: Request) -> tuple[Source, str]:
    files = kubeconfig_files(request.kubeconfig, os.environ)
    if not files and (connection := service_account()):
        return Cluster(connection), connection.default_namespace or "default"
    if not files:
        raise ExplainError("no kubeconfig: set KUBECONFIG or --kubeconfig")
    context = read_context(files, request.context)
    return Cluster(connection_of(context)), context.namespace


def _files(request: Request, namespace: str, report: Report) -> Files:
    """Read the files: a workload that is not whole becomes a line, all objects of other kinds one line."""
    documents = list(_documents(request, report))
    report.lines += _skipped_kinds([document.kind for document in documents])
    return Files(documents, namespace, list(_whole_workloads(documents, namespace, report)))


def _skipped_kinds(kinds: Sequence[str]) -> list[str]:
    others = [kind for kind in kinds if kind not in {*KINDS, *UNCHANGEABLE, *INPUT_KINDS}]
    are = "object of another kind" if len(others) == 1 else "objects of other kinds"
    return [f"skipped {len(others)} {are}: {', '.join(sorted(set(others)))}"] if others else []


def _whole_workloads(documents: Sequence[Document], namespace: str, report: Report) -> Iterator[Object]:
    for document in documents:
        if document.kind in {*KINDS, *UNCHANGEABLE}:
            try:
                yield whole_workload(document, namespace)
            except ExplainError as error:
                report.lines.append(f"skipped {error}")


def _documents(request: Request, report: Report) -> Iterator[Document]:
    for found in _parsed(request):
        if isinstance(found, ExplainError):
            report.fail(found)
        else:
            yield found


def _parsed(request: Request) -> Iterator[Document | ExplainError]:
    for read in read_texts(request.files, recursive=request.recursive):
        if isinstance(read, ExplainError):
            yield read
        else:
            text, name = read[1], read[0]
            yield from parse(text, "standard input" if name == "-" else name)


def _chosen(request: Request, files: Files, cluster: Source, namespace: str, report: Report) -> Sequence[Object]:
    if not request.files:
        return list(_from_cluster(request.targets, cluster, namespace, report))
    where = ", ".join(request.files)
    found = [item for item in files.whole if not request.targets or any(_is(item, each) for each in request.targets)]
    for target in request.targets:
        if not any(_is(item, target) for item in found):
            report.fail(ExplainError(f"no whole {_title(target)} in {where}"))
    if not found and not request.targets and not report.failed:
        report.fail(ExplainError(f"no whole workload in {where}"))
    return found


def _is(item: Object, target: Target) -> bool:
    return item["kind"] == target.kind.name and target.name in {"", item["metadata"]["name"]}


def _title(target: Target) -> str:
    return f"{target.kind.name} {target.name}".rstrip()


def _from_cluster(targets: Sequence[Target], cluster: Source, namespace: str, report: Report) -> Iterator[Object]:
    for target in targets:
        try:
            found = _read(target, cluster, namespace)
        except ExplainError as error:
            report.fail(error)
            continue
        if not found:
            report.fail(ExplainError(f"no {_title(target)} in namespace {namespace}"))
        yield from found


def _read(target: Target, cluster: Source, namespace: str) -> list[Object]:
    if not target.name:
        return cluster.workloads(target.kind, namespace)
    found = cluster.get(target.kind.name, namespace, target.name)
    return [{"apiVersion": target.kind.api_version, "kind": target.kind.name, **found}] if found else []


def _live(workload: Object, namespace: str) -> Object:
    """Return a workload of the API server, checked as one of a file is."""
    return whole_workload(Document(f"namespace {namespace}", workload), namespace)
