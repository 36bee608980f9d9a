"""TYPE/NAME and TYPE NAME, as kubectl reads them."""

import pytest

from spanloom_operator.explain.names import TYPES, targets
from spanloom_operator.explain.problems import UsageError


@pytest.mark.parametrize("word", [*sorted(TYPES), "Deployment", "STS"])
@pytest.mark.parametrize(
    ("form", "names"),
    [("{}/shop", ("shop",)), ("{} shop cart", ("shop", "cart")), ("{}", ("",)), ("{}/a {}/b", ("a", "b"))],
)
def test_every_form_of_kubectl(word: str, form: str, names: tuple[str, ...]) -> None:
    """A type in any of its spellings, before a slash or as a word of its own; without a name, all."""
    kind = TYPES[word.lower()]
    assert [(kind, name) for name in names] == list(targets(form.replace("{}", word).split()))


def test_several_kinds() -> None:
    """Workloads of different kinds are named together."""
    assert ["Deployment", "CronJob"] == [target.kind.name for target in targets(["deploy/a", "cj/a"])]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("shop", "expected TYPE/NAME or TYPE NAME"),
        ("replicaset/shop", "the operator injects into Deployments, StatefulSets, DaemonSets and CronJobs"),
        ("job/shop", "the pod template of a Job cannot be changed; label the CronJob that creates it"),
        ("pods shop", "the containers of a Pod cannot be changed"),
        ("deploy/", "not a mixture of both"),
        ("/shop", "not a mixture of both"),
        ("deploy/a b", "not a mixture of both"),
        ("deploy/a/b", "not a mixture of both"),
        ("deployments.batch/a", "expected TYPE/NAME or TYPE NAME"),
    ],
)
def test_other_arguments_are_a_usage_error(arguments: str, expected: str) -> None:
    """Other kinds and mixtures are refused, with what is expected and what to label instead."""
    with pytest.raises(UsageError, match=expected):
        targets(arguments.split())
