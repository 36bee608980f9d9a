"""Text, JSON and YAML of the same explanations."""

from __future__ import annotations

import json

import yaml

from spanloom_operator.explain.explanation import Attribute, Explanation, Skipped, Variable
from spanloom_operator.explain.output import as_json, as_text, as_yaml, printable

LONG = "OTEL_" + "X" * 100
WHOLE = Explanation(
    "Deployment", "demo", "shop", "Injected", "for a reason", "Injected", "system/operator",
    ("demo/default", "system/default"),
    (Variable("app", LONG, "é" * 300, "demo/default", "spanloom"), Variable("a", "B", "", "Deployment", "me")),
    (Skipped("app", "OTEL_A", "container env has it", "kubectl"), Skipped("none", "", "no such container", "")),
    (Attribute("app", "k8s.pod.name", "$(POD)", "downward API"),),
    ("something is not known",),
)  # fmt: skip
TEXT = f"""\
deployment demo/shop: Injected: for a reason
reported by the operator: Injected
operator: system/operator
profiles, first wins: demo/default, system/default
note: something is not known

CONTAINER   VARIABLE{" " * 97}   SOURCE         OWNER      VALUE
app         {LONG}   demo/default   spanloom   {"é" * 300}
a           B{" " * 104}   Deployment     me

CONTAINER   NOT INJECTED   OWNER     REASON
app         OTEL_A         kubectl   container env has it
none        -              -         no such container

CONTAINER   RESOURCE ATTRIBUTE   SOURCE         VALUE
app         k8s.pod.name         downward API   $(POD)

deployment demo/other: Skipped: no profile"""


def test_text() -> None:
    """A heading, then tables with whole names and values; what is empty is left out."""
    assert TEXT == as_text([WHOLE, Explanation("Deployment", "demo", "other", "Skipped", "no profile")])


def test_json_and_yaml() -> None:
    """Both hold every field of every explanation, with the same keys."""
    expected = [WHOLE.as_dict()]

    assert expected == json.loads(as_json([WHOLE])) == yaml.safe_load(as_yaml([WHOLE]))
    assert {"container": "app", "name": "OTEL_A", "reason": "container env has it", "owner": "kubectl"} == expected[0][
        "skipped"
    ][0]


def test_control_characters_are_escaped() -> None:
    """A value cannot move the cursor or hide a line; letters of any script stay."""
    assert r"\x1b[2Jé\n" == printable("\x1b[2Jé\n")
