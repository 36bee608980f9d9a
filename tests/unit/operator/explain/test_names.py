"""TYPE/NAME and TYPE NAME, as kubectl reads them."""

import pytest

from spanloom_operator.explain.names import TYPES, deployment_names
from spanloom_operator.explain.problems import UsageError


@pytest.mark.parametrize("kind", [*sorted(TYPES), "Deployment", "DEPLOY"])
@pytest.mark.parametrize(
    ("form", "names"),
    [("{}/shop", ("shop",)), ("{} shop cart", ("shop", "cart")), ("{}", ()), ("{}/a {}/b", ("a", "b"))],
)
def test_every_form_of_kubectl(kind: str, form: str, names: tuple[str, ...]) -> None:
    """A type in any of its spellings, before a slash or as a word of its own; without a name, all."""
    assert names == deployment_names(form.replace("{}", kind).split())


@pytest.mark.parametrize(
    "arguments",
    ["shop", "statefulset/shop", "sts shop", "deploy/", "/shop", "deploy/a b", "deploy/a/b", "deployments.batch/a"],
)
def test_other_arguments_are_a_usage_error(arguments: str) -> None:
    """Other kinds and mixtures are refused, with what is expected."""
    with pytest.raises(UsageError, match="expected deployment/NAME or deployment NAME"):
        deployment_names(arguments.split())
