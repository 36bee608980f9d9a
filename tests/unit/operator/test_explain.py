"""Explain: every variable with value, layer and owner, or the reason why not; from a manifest, without a cluster."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml
from support.builders.deployments import Object, container, deployment, env, profile
from typer.testing import CliRunner

from spanloom_operator.cli import app

if TYPE_CHECKING:
    from pathlib import Path

SECRET = {"secretKeyRef": {"name": "otlp", "key": "headers"}}


def run(tmp_path: Path, *arguments: str, things: tuple[Object, ...]) -> tuple[int, str]:
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(yaml.safe_dump_all(things))
    result = CliRunner().invoke(app, ["explain", "--file", str(manifest), *arguments], env={"COLUMNS": "200"})
    return result.exit_code, result.output


def shop(**labels: str) -> Object:
    return deployment(
        container(env=env(OTEL_PROPAGATORS="b3")), labels={f"spanloom.dev/{k}": v for k, v in labels.items()}
    )


HOME = profile(
    namespace="spanloom-system",
    exporter={"endpoint": "http://collector:4318", "protocol": "http/protobuf", "headers": SECRET},
    propagators=["tracecontext"],
)


def test_manifest_as_json(tmp_path: Path) -> None:
    """The JSON has each variable once, with its layer, or why it is left out; a Secret's value is never shown."""
    code, said = run(tmp_path, "--output", "json", things=(shop(inject="true"), HOME))
    rows = {row["name"]: row for row in json.loads(said)[0]["rows"]}
    assert (0, "Injected") == (code, json.loads(said)[0]["outcome"])
    assert "<secret otlp/headers>" == rows["OTEL_EXPORTER_OTLP_HEADERS"]["value"]
    assert "spanloom-system/default" == rows["OTEL_EXPORTER_OTLP_ENDPOINT"]["layer"]
    assert "container env has it" == rows["OTEL_PROPAGATORS"]["why"]


def test_manifest_as_text(tmp_path: Path) -> None:
    """The text says what goes in, what is left out and what the resource will be."""
    code, said = run(tmp_path, things=(shop(inject="true"), HOME))
    assert 0 == code
    assert "demo/shop: Injected" in said
    assert "container env has it" in said
    assert "service.instance.id" in said


def test_without_a_label(tmp_path: Path) -> None:
    """A Deployment nobody has labelled is explained as if it were, and that is said."""
    _, said = run(tmp_path, "deployment/shop", "-n", "demo", "-o", "json", things=(shop(), HOME))
    assert "NotAsked" == json.loads(said)[0]["outcome"]


def test_attributes_the_user_has_are_not_explained_as_ours(tmp_path: Path) -> None:
    """What envFrom says of the resource wins, so it is not listed among what is given."""
    config = {"kind": "ConfigMap", "metadata": {"name": "mine", "namespace": "demo"}}
    config |= {"data": {"OTEL_RESOURCE_ATTRIBUTES": "service.namespace=own"}}
    its = deployment(container(envFrom=[{"configMapRef": {"name": "mine"}}]), labels={"spanloom.dev/inject": "true"})
    _, said = run(tmp_path, "-o", "json", things=(its, HOME, config))
    keys = {row["name"] for row in json.loads(said)[0]["attributes"]}
    assert "k8s.pod.name" in keys
    assert "service.namespace" not in keys


@pytest.mark.parametrize(
    ("arguments", "things", "expected"),
    [
        (("statefulset/shop",), (HOME,), "'statefulset/shop': expected deployment/NAME"),
        (("deployment/none", "-n", "demo"), (HOME,), "there is no Deployment none in namespace demo"),
        ((), (HOME,), "the file has no Deployment"),
    ],
)
def test_trouble_in_a_line(
    tmp_path: Path, arguments: tuple[str, ...], things: tuple[Object, ...], expected: str
) -> None:
    """What is wrong is one line, and the exit code says so too."""
    assert (1, f"spanloom: {expected}\n") == run(tmp_path, *arguments, things=things)
