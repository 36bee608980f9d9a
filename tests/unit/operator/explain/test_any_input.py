"""Whatever stands in a field of a manifest or of a kubeconfig, the outcome is an explanation or one line."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders.deployments import EXPORTER, container, deployment, env, of_kind, profile
from support.builders.statuses import rolling_out_status
from support.servers.api_server import kubeconfig

from spanloom_operator.explain.cluster import Cluster
from spanloom_operator.explain.documents import Document
from spanloom_operator.explain.kubeconfig import merge, select_context
from spanloom_operator.explain.login import connection_of
from spanloom_operator.explain.output import as_json, as_text, as_yaml
from spanloom_operator.explain.problems import ExplainError, UnreadableError
from spanloom_operator.explain.reading import explain_with
from spanloom_operator.explain.sources import Files, NoCluster, Reader
from spanloom_operator.explain.workload import whole_workload
from spanloom_operator.kinds import KINDS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["true", "name", "a/b", "$(X)"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
SHOP = deployment(
    container(env=env(OTEL_A="b"), envFrom=[{"prefix": "A", "configMapRef": {"name": "own"}}]),
    labels={"spanloom.dev/inject": "true"},
    annotations={"resource.opentelemetry.io/a": "b"},
    selector={"matchLabels": {"app.kubernetes.io/name": "shop"}, "matchExpressions": []},
)
SHOP["metadata"]["managedFields"] = [{"manager": "kubectl", "operation": "Update", "time": "2026-11-30T00:00:00Z"}]
EVERY_KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
UNLABELLED = {**SHOP, "metadata": {"name": "shop"}}
RESOURCE = {"resourceAttributes": {"a": "b"}}
OTHERS = (
    profile(exporter=EXPORTER, sampler={"type": "traceidratio", "argument": "1"}, resource=RESOURCE),
    {"kind": "Namespace", "metadata": {"name": "demo", "labels": {"a": "b"}}},
    {"kind": "ConfigMap", "metadata": {"name": "own", "namespace": "demo"}, "data": {"OTEL_B": "c"}},
)  # fmt: skip
CONFIG = kubeconfig(
    "https://here",
    {"token": "t", "exec": {"command": "", "args": ["a"], "env": [{"name": "A", "value": "b"}]}, "client-key": "a"},
)


def live(kind: Kind) -> Any:
    """Return the Deployment as a workload of another kind, with its status."""
    its = of_kind(kind, SHOP)
    return {**its, "status": rolling_out_status(its)}


def paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every part of `value`."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield (*above, key)
        yield from paths(item, (*above, key))


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """Replace or remove one part of `value`."""
    (*parents, last), result = draw(st.sampled_from(list(paths(value)))), deepcopy(value)
    place = result
    for key in parents:
        place = place[key]
    place[last] = draw(JSON if last != "command" else JSON.filter(lambda value: not isinstance(value, str)))
    return result


def explained(*objects: Any) -> str:
    documents = [Document("f:1", thing) for thing in objects]
    its = whole_workload(documents[0], "demo")
    found = [explain_with(Reader(Files(documents, "demo"), NoCluster("none")), its)]
    return as_text(found) + as_json(found) + as_yaml(found)


@EVERY_KIND
def test_the_inputs_are_valid(kind: Kind) -> None:
    """Unchanged, they are explained."""
    assert f"{kind.name.lower()} demo/shop: Injected" in explained(live(kind), *OTHERS)


@EVERY_KIND
@given(data=st.data())
def test_a_changed_workload(kind: Kind, data: st.DataObject) -> None:
    """Any value in any field of a workload is explained or refused in one line."""
    with suppress(ExplainError):
        explained(data.draw(changed(live(kind))), *OTHERS)


@pytest.mark.parametrize("number", range(len(OTHERS)))
@given(data=st.data())
def test_changed_inputs(number: int, data: st.DataObject) -> None:
    """The same of profiles, namespaces and ConfigMaps."""
    others = list(OTHERS)
    others[number] = data.draw(changed(others[number]))

    with suppress(ExplainError):
        explained(UNLABELLED, *others)


@given(changed(CONFIG))
def test_a_changed_kubeconfig(tmp_path_factory: pytest.TempPathFactory, config: Any) -> None:
    """Any value in any field of a kubeconfig leads to a server that is asked, or to one line."""
    folder: Path = tmp_path_factory.getbasetemp()

    with suppress(ExplainError, UnreadableError):
        context = select_context(merge([(folder, config)]), "", "file")
        Cluster(connection_of(context))
