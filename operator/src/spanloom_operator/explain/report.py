"""One run of `spanloom explain`: what to explain, from where, and what went wrong on the way."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spanloom_operator.explain.cluster import Cluster
from spanloom_operator.explain.deployment import API_VERSION, whole_deployment
from spanloom_operator.explain.documents import Document, parse
from spanloom_operator.explain.files import read_texts
from spanloom_operator.explain.kubeconfig import kubeconfig_files, read_context
from spanloom_operator.explain.login import connection_of, service_account
from spanloom_operator.explain.problems import ExplainError
from spanloom_operator.explain.reading import explain_with
from spanloom_operator.explain.sources import Files, NoCluster, Reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spanloom_operator.explain.documents import Object
    from spanloom_operator.explain.explanation import Explanation
    from spanloom_operator.explain.sources import Source

INPUT_KINDS = frozenset({"Namespace", "ConfigMap", "OtelProfile"})
"""Kinds of a manifest that are read for the decision: they do not count as skipped."""


@dataclass(frozen=True)
class Request:
    """The command line. Names are those of Deployments, empty for all; `files` as of kubectl's -f."""

    names: tuple[str, ...] = ()
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
    """Explain every Deployment of the request; what cannot be explained becomes a line."""
    report = Report()
    try:
        cluster, current = _cluster(request)
        namespace = request.namespace or current
        files = _files(request, namespace, report)
        chosen = _chosen(request, files, cluster, namespace, report)
    except ExplainError as error:
        report.fail(error)
        return report
    for deployment in chosen:
        _explain(deployment, Reader(files, cluster), request, report)
    return report


def _explain(deployment: Object, reader: Reader, request: Request, report: Report) -> None:
    try:
        its = deployment if request.files else _live(deployment, reader.files.namespace)
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
    """Read the files: a Deployment that is not whole becomes a line, all objects of other kinds one line."""
    documents = list(_documents(request, report))
    report.lines += _skipped_kinds([document.kind for document in documents])
    return Files(documents, namespace, list(_whole_deployments(documents, namespace, report)))


def _skipped_kinds(kinds: Sequence[str]) -> list[str]:
    others = [kind for kind in kinds if kind not in {"Deployment", *INPUT_KINDS}]
    are = "object that is not a Deployment" if len(others) == 1 else "objects that are not Deployments"
    return [f"skipped {len(others)} {are}: {', '.join(sorted(set(others)))}"] if others else []


def _whole_deployments(documents: Sequence[Document], namespace: str, report: Report) -> Iterator[Object]:
    for document in documents:
        if document.kind == "Deployment":
            try:
                yield whole_deployment(document, namespace)
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
        return list(_from_cluster(request.names, cluster, namespace, report))
    found = [item for item in files.whole if not request.names or item["metadata"]["name"] in request.names]
    for name in request.names:
        if name not in {item["metadata"]["name"] for item in found}:
            report.fail(ExplainError(f"no whole Deployment {name} in {', '.join(request.files)}"))
    if not found and not request.names and not report.failed:
        report.fail(ExplainError(f"no whole Deployment in {', '.join(request.files)}"))
    return found


def _from_cluster(names: Sequence[str], cluster: Source, namespace: str, report: Report) -> Iterator[Object]:
    if not names:
        found = cluster.deployments(namespace)
        if not found:
            report.fail(ExplainError(f"no Deployment in namespace {namespace}"))
        yield from found
    for name in names:
        try:
            deployment = cluster.get("Deployment", namespace, name)
        except ExplainError as error:
            report.fail(error)
            continue
        if deployment:
            yield deployment
        else:
            report.fail(ExplainError(f"no Deployment {name} in namespace {namespace}"))


def _live(deployment: Object, namespace: str) -> Object:
    """Return a Deployment of the API server, checked as one of a file is."""
    content = {"apiVersion": API_VERSION, "kind": "Deployment", **deployment}
    return whole_deployment(Document(f"namespace {namespace}", content), namespace)
