"""`spanloom explain -f`: files as users keep them."""

from __future__ import annotations

import json

import pytest
import yaml
from support.processes.explain_command import BESIDE_A_PATCH, HOME, IN_GIT, LIST, NAMES, SHOP, files, run, titles


def test_a_file_with_its_profile() -> None:
    """Each variable has its source and owner, or the reason why not; a Secret's value is not read."""
    files(a=yaml.safe_dump_all([SHOP, HOME]))

    done = run("-f", "a", "-o", "json")

    [found] = done.found
    variables = {row["name"]: row for row in found["variables"]}
    assert (0, "", "Injected") == (done.status, done.err, found["outcome"])
    assert "<secret otlp/headers>" == variables["OTEL_EXPORTER_OTLP_HEADERS"]["value"]
    assert "spanloom-system/default" == variables["OTEL_EXPORTER_OTLP_ENDPOINT"]["source"]
    assert "not applied yet" == variables["OTEL_EXPORTER_OTLP_ENDPOINT"]["owner"]
    assert [("OTEL_PROPAGATORS", "container env has it")] == [(row["name"], row["reason"]) for row in found["skipped"]]


def test_a_file_as_it_is_in_git() -> None:
    """A manifest without uid, status and namespace is explained, in the namespace of -n."""
    files(a=IN_GIT, b=yaml.safe_dump(HOME))

    done = run("-f", "a", "-f", "b", "-n", "mine", "-o", "json")

    assert (0, ["mine/shop"], "Injected") == (done.status, titles(done.found), done.found[0]["outcome"])


def test_what_is_no_whole_deployment_is_one_line() -> None:
    """A patch is a line, all objects of other kinds are one line, and the Deployment with them is explained."""
    files(a=BESIDE_A_PATCH)

    done = run("-f", "a", "-o", "json")

    assert (0, ["default/shop"]) == (done.status, titles(done.found))
    assert [
        "spanloom: skipped 2 objects of other kinds: Kustomization, Service",
        "spanloom: skipped a:5: Deployment shop: expected apiVersion apps/v1, found none, as in a patch",
    ] == done.err.splitlines()


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["Service"] * 50, "spanloom: skipped 50 objects of other kinds: Service\n"),
        (["Service"], "spanloom: skipped 1 object of another kind: Service\n"),
        ([["Service"]], "spanloom: skipped 1 object of another kind: ['Service']\n"),
        (["Namespace", "ConfigMap", "OtelProfile"], ""),
    ],
)
def test_a_rendered_chart_is_one_line(kinds: list[object], expected: str) -> None:
    """However many objects of other kinds a file has, one line counts them, without those that are read."""
    others = [{"kind": kind, "metadata": {"name": "a"}} for kind in kinds]
    files(a=yaml.safe_dump_all([SHOP, HOME, *others]))

    assert expected == run("-f", "a", "--local").err


@pytest.mark.parametrize("arguments", [("-f", "-"), ("-f", "list.yaml"), ("-f", "."), ("-f", "sub", "-f", "list.yaml")])
def test_lists_directories_and_standard_input(arguments: tuple[str, ...]) -> None:
    """A List is its items, from a file, a directory or standard input."""
    files(**{"list.yaml": LIST, "notes.txt": "a: b: c", "sub/README.md": "words", "sub/deep/other.yaml": "a: b: c"})

    done = run(*arguments, "-o", "json", stdin=LIST)

    assert (0, ["default/shop", "default/cart"]) == (done.status, titles(done.found))


def test_recursive_directories_and_a_broken_file() -> None:
    """With -R folders in folders are read; a file that is broken is a line and status 1, and the rest is explained."""
    files(**{"a/b/list.json": json.dumps(yaml.safe_load(LIST)), "a/chart.yaml": "kind: {{ .Values.kind }}"})

    done = run("-f", "a", "-R", "-o", "json")

    assert (1, ["default/shop", "default/cart"]) == (done.status, titles(done.found))
    assert done.err.startswith("spanloom: a/chart.yaml:1: neither YAML nor JSON: ")


def test_names_choose_among_the_files() -> None:
    """deployment/NAME with -f explains that one."""
    files(a=LIST)

    assert ["default/cart"] == titles(run("deploy/cart", "-f", "a", "-o", "json").found)


def test_without_a_cluster_notes_say_what_is_not_known() -> None:
    """What the Deployment itself says is explained; the notes name what was not read, and why."""
    files(a=IN_GIT)

    [found] = run("-f", "a", "--local", "-o", "json").found

    assert "Unknown" == found["outcome"]
    assert NAMES <= {row["name"] for row in found["variables"]}
    assert (
        "not known: OtelProfile default/default, OtelProfile spanloom-system/default (--local: only the files are read)"
    ) == found["notes"][-1]
