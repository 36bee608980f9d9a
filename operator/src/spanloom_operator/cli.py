"""`spanloom explain` and `spanloom cleanup`, from a person's own kubeconfig."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import contextmanager
from pathlib import Path  # noqa: TC003 - typer reads annotations when it runs
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import kopf
import lightkube
import typer
import yaml
from lightkube.core.exceptions import ApiError as LightkubeError
from lightkube.core.exceptions import ConfigError
from lightkube.generic_resource import create_global_resource, create_namespaced_resource
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from spanloom_operator.controller.cleanup import withdraw_everything
from spanloom_operator.explain import explain
from spanloom_operator.injection.decision import Inputs, requested_profile
from spanloom_operator.injection.workload import Workload
from spanloom_operator.kube.api import NOT_FOUND, ApiError
from spanloom_operator.kube.client import Client
from spanloom_operator.names import GROUP, INJECT_LABEL, PROFILE_PLURAL, VERSION
from spanloom_operator.profiles.reader import profile_keys
from spanloom_operator.profiles.rules import ANY_ENDPOINT, Rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanloom_operator.explain import Explanation, Row

Object = dict[str, Any]
HOME = "spanloom-system"
RULES = Rules(endpoints=(ANY_ENDPOINT,))
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

KINDS: dict[str, Any] = {
    "Deployment": create_namespaced_resource("apps", "v1", "Deployment", "deployments"),
    "OtelProfile": create_namespaced_resource(GROUP, VERSION, "OtelProfile", PROFILE_PLURAL),
    "ConfigMap": create_namespaced_resource("", "v1", "ConfigMap", "configmaps"),
    "Namespace": create_global_resource("", "v1", "Namespace", "namespaces"),
}


class Trouble(Exception):  # noqa: N818 - shown as it is
    """What a person has to mend; its text is the whole message."""


class Cluster:
    """Objects read with a person's own kubeconfig, whichever way it logs in."""

    def __init__(self) -> None:
        self._client = lightkube.Client(field_manager="spanloom-explain")

    def get(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """Return one object, or None."""
        try:
            return dict(self._client.get(KINDS[kind], name, namespace=namespace))
        except LightkubeError as error:
            if error.status.code == NOT_FOUND:
                return None
            raise


class Manifests:
    """Objects of a file, in the namespace they say or else in `namespace`."""

    def __init__(self, path: Path, namespace: str) -> None:
        documents = [document for document in yaml.safe_load_all(path.read_text()) if document]
        self.objects = [
            {**document, "metadata": {"namespace": namespace, **document["metadata"]}} for document in documents
        ]

    def get(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """Return one object, or None."""
        for found in self.objects:
            metadata = found["metadata"]
            if (found["kind"], metadata["name"]) == (kind, name) and namespace in {None, metadata["namespace"]}:
                return found
        return None


@app.command("explain")
def explain_command(
    what: Annotated[str, typer.Argument(help="deployment/NAME; with --file, all its Deployments by default")] = "",
    namespace: Annotated[str, typer.Option("--namespace", "-n")] = "default",
    file: Annotated[Path | None, typer.Option("--file", "-f", help="read a manifest instead of the cluster")] = None,
    home: Annotated[str, typer.Option(help="the operator's namespace, where its default profile is")] = HOME,
    output: Annotated[str, typer.Option("--output", "-o", help="text or json")] = "text",
) -> None:
    """Show every variable a Deployment gets: its value, layer and owner, or why it is left out."""
    with troubles_in_a_line():
        source = Manifests(file, namespace) if file else Cluster()
        found = [
            explain(deployment, inputs_of(source, deployment, home)) for deployment in chosen(source, what, namespace)
        ]
    if output == "json":
        typer.echo(json.dumps([explanation.json() for explanation in found], indent=2))
    else:
        for explanation in found:
            show(explanation)


@app.command()
def cleanup(
    namespaces: Annotated[str, typer.Option(help="only these, separated by commas")] = "",
    installation: Annotated[str, typer.Option(help="NAMESPACE/NAME of one installation; all of them by default")] = "",
) -> None:
    """Remove everything that the operator has added, in the whole cluster; for after it is uninstalled."""

    async def withdraw() -> None:
        async with Client() as api:
            for namespace, name in await withdraw_everything(api, tuple(namespaces.split(",")), installation):
                typer.echo(f"withdrawn from deployment {namespace}/{name}")

    with troubles_in_a_line():
        asyncio.run(withdraw())


def chosen(source: Cluster | Manifests, what: str, namespace: str) -> list[Object]:
    """Return the Deployments that `what` names: deployment/NAME, NAME, or all of a file."""
    if not what and isinstance(source, Manifests):
        found = [thing for thing in source.objects if thing["kind"] == "Deployment"]
        return found or _trouble("the file has no Deployment")
    kind, _, name = what.rpartition("/")
    if kind not in {"", "deployment", "deployments", "deploy"} or not name:
        _trouble(f"{what!r}: expected deployment/NAME")
    deployment = source.get("Deployment", name, namespace)
    return [deployment] if deployment else _trouble(f"there is no Deployment {name} in namespace {namespace}")


def inputs_of(source: Cluster | Manifests, deployment: Object, home: str) -> Inputs:
    """Read what decides about `deployment`; a namespace that may not be read counts as one without a label."""
    workload = Workload.from_deployment(deployment, "")
    found = source.get("Namespace", workload.namespace)
    label = ((found or {}).get("metadata", {}).get("labels") or {}).get(INJECT_LABEL)
    inputs = Inputs(RULES, home, {}, label)
    profiles = {
        key: profile.get("spec") or {}
        for key in profile_keys(workload.namespace, requested_profile(workload, inputs) or "default", home)
        if (profile := source.get("OtelProfile", key[1], key[0]))
    }
    names = {name for each in workload.all_containers for name in each.env_from_names("configMapRef")}
    maps = {name: source.get("ConfigMap", name, workload.namespace) for name in names}
    data = {name: found.get("data") or {} for name, found in maps.items() if found}
    return Inputs(RULES, home, profiles, label, data)


def show(explanation: Explanation) -> None:
    """Print an explanation as tables."""
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    console.print(f"[bold]{explanation.deployment}[/]: {explanation.outcome}")
    if not explanation.rows:
        console.print(explanation.message, markup=False)
        return
    given = [row for row in explanation.rows if not row.why]
    _print(console, ("container", "variable", "value", "from", "owner"), (_cells(row) for row in given))
    left_out = [(row.container, row.name, row.why, row.owner) for row in explanation.rows if row.why]
    _print(console, ("container", "left out", "because", "owner"), iter(left_out))
    attributes = [(row.container, row.name, row.value, row.layer) for row in explanation.attributes]
    _print(console, ("container", "resource attribute", "value", "from"), iter(attributes))


def _cells(row: Row) -> tuple[str, ...]:
    return row.container, row.name, row.value, row.layer, row.owner


def _print(console: Console, columns: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> None:
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    if table.row_count:
        console.print()
        console.print(table)


def _trouble(text: str) -> NoReturn:
    raise Trouble(text)


@contextmanager
def troubles_in_a_line() -> Iterator[None]:
    """Turn what went wrong into one line and exit code 1."""
    try:
        yield
    except (Trouble, ApiError, LightkubeError, ConfigError, kopf.LoginError, OSError, yaml.YAMLError) as trouble:
        typer.echo(f"spanloom: {trouble}", err=True)
        raise typer.Exit(1) from None
