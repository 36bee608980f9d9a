"""Documents of a file, with the line of each, whatever else is in it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanloom_operator.explain.documents import Document, parse
from spanloom_operator.explain.problems import ExplainError


def shown(text: str) -> list[object]:
    return [
        str(found) if isinstance(found, ExplainError) else (found.place, found.content) for found in parse(text, "f")
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\n---\n\nb: 2\n", [("f:1", {"a": 1}), ("f:4", {"b": 2})]),
        ("# Source: chart\n---\n# only a comment\n---\na: 1\n", [("f:5", {"a": 1})]),
        ("--- # comment\na: 1\n---\n", [("f:2", {"a": 1})]),
        ("a: '---'\nb: |\n  ---\n", [("f:1", {"a": "---", "b": "---\n"})]),
        ("date: 2024-01-02\n", [("f:1", {"date": "2024-01-02"})]),
        ('{"a": 1}', [("f:1", {"a": 1})]),
        ('{\t"a": 1}\n---\n{b: 2}', [("f:1", {"a": 1}), ("f:3", {"b": 2})]),
        ("kind: List\nitems: [{a: 1}, {a: 2}]", [("f:1, item 1", {"a": 1}), ("f:1, item 2", {"a": 2})]),
        ("kind: DeploymentList\nitems: [{a: 1}]", [("f:1, item 1", {"a": 1})]),
        ("", []),
    ],
    ids=str,
)
def test_documents(text: str, expected: list[object]) -> None:
    """YAML, JSON and Lists become objects, each with the line it begins in; empty documents are nothing."""
    assert expected == shown(text)


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        ("a: {{ .Values.a }}", "f:3: neither YAML nor JSON: a template, to be rendered first, as by `helm template`"),
        ("a: b: c", "f:3: neither YAML nor JSON: mapping values are not allowed in this context in line 3"),
        ("just words", "f:3: expected an object, found str"),
        ("- a", "f:3: expected an object, found list"),
    ],
)
def test_a_broken_document_leaves_the_others(broken: str, problem: str) -> None:
    """What cannot be parsed is one line with its place; the documents before and after it are read."""
    assert [("f:1", {"a": 1}), problem, ("f:5", {"b": 2})] == shown(f"a: 1\n---\n{broken}\n---\nb: 2\n")


@given(st.text())
def test_any_text(text: str) -> None:
    """Whatever a file holds, the outcome is documents and one-line errors."""
    for found in parse(text, "f"):
        assert isinstance(found, Document) or "\n" not in str(found)


@given(st.dictionaries(st.text(), st.recursive(st.integers() | st.text() | st.none(), st.lists), max_size=3))
def test_json_is_read_as_json(content: dict[str, object]) -> None:
    """A file in JSON has the content that JSON says."""
    assert [("f:1", content)] == shown(json.dumps(content))
