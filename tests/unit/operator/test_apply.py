"""Ownership by server-side apply: one body, or none; and what is taken back leaves nothing behind."""

import asyncio
from copy import deepcopy

import pytest
from hypothesis import given
from support.builders.deployments import Object, container, deployment, env
from support.builders.strategies import CONTAINERS, LAYERS, PLATFORM
from support.servers.api_double import USER, ApiDouble

from spanloom_operator.api import ApiError
from spanloom_operator.apply import Status, patch, withdrawal
from spanloom_operator.inject import inject
from spanloom_operator.ownership import STATUS, env_managers, handover, users_template
from spanloom_operator.profile import Layer

PATH = "/apis/apps/v1/namespaces/demo/deployments/shop"
INJECTED = Status("Injected", "home/default", healthy=True)


def stored(its: Object) -> ApiDouble:
    double = ApiDouble()
    double.put(PATH, its)
    return double


def apply(double: ApiDouble, body: Object | None) -> Object:
    assert body is not None
    return asyncio.run(double.apply(PATH, body))


def injected(double: ApiDouble, layers: list[Layer]) -> Object:
    now = double.shown(PATH)
    return apply(double, patch(now, inject(now, layers), INJECTED))


@given(CONTAINERS, LAYERS)
def test_withdrawal_is_the_inverse_of_injection(containers: list[Object], layers: list[Layer]) -> None:
    """Whatever the template, it is the user's again, to the last key."""
    original = deployment(*containers)
    double = stored(deepcopy(original))
    apply(double, withdrawal(injected(double, layers)))
    expected = deepcopy(original["spec"]["template"])
    for each in expected["spec"]["containers"]:
        each["env"] or each.pop("env")
    found = deepcopy(double.objects[PATH]["spec"]["template"])
    for each in found["spec"]["containers"]:
        each.get("env") or each.pop("env", None)
    assert expected == found
    assert STATUS not in double.objects[PATH]["metadata"]["annotations"]


@given(CONTAINERS, LAYERS)
def test_injecting_twice_is_injecting_once(containers: list[Object], layers: list[Layer]) -> None:
    """What is there already is computed again from the user's part alone, and no second write follows."""
    double = stored(deployment(*containers))
    first = inject(deployment(*containers), layers)
    again = injected(double, layers)
    assert first == inject(again, layers)
    assert patch(again, inject(again, layers), INJECTED) is None


@given(CONTAINERS, LAYERS)
def test_users_template_is_seen_through_the_injection(containers: list[Object], layers: list[Layer]) -> None:
    """The template without us is the same before and after."""
    before = deployment(*containers)
    assert users_template(before) == users_template(injected(stored(deepcopy(before)), layers))


def test_user_takes_an_entry_over() -> None:
    """An entry the user has changed is theirs: the next injection leaves it out, and withdrawal leaves it alone."""
    double = stored(deployment(container(env=env(A="1"))))
    injected(double, [PLATFORM])

    def mend(its: Object) -> None:
        entries = its["spec"]["template"]["spec"]["containers"][0]["env"]
        next(e for e in entries if e["name"] == "OTEL_PROPAGATORS")["value"] = "b3"

    double.change(PATH, mend)
    now = double.shown(PATH)
    now = asyncio.run(double.hand_over(PATH, handover(now) or [], now["metadata"]["resourceVersion"]))
    assert handover(now) is None
    assert "OTEL_PROPAGATORS" in {left.name for left in inject(now, [PLATFORM]).left_out}
    apply(double, withdrawal(now))
    assert env(A="1", OTEL_PROPAGATORS="b3") == double.objects[PATH]["spec"]["template"]["spec"]["containers"][0]["env"]


def test_shared_entry_stays_when_we_let_go() -> None:
    """An entry that another field manager applied with the same value is theirs as well, and stays."""
    double = stored(deployment())
    injected(double, [PLATFORM])
    body = {
        "metadata": {},
        "spec": {"template": {"spec": {"containers": [container(env=env(OTEL_SERVICE_NAME="shop"))]}}},
    }
    asyncio.run(double.apply(PATH, body, ("argocd", "Apply")))
    now = double.shown(PATH)
    assert ("spanloom", "argocd") == env_managers(now)["app", "OTEL_SERVICE_NAME"]
    assert "container env has it" in {left.reason for left in inject(now, [PLATFORM]).left_out}
    apply(double, withdrawal(now))
    assert env(OTEL_SERVICE_NAME="shop") == double.objects[PATH]["spec"]["template"]["spec"]["containers"][0]["env"]


def test_foreign_entry_in_the_set_fails_whole() -> None:
    """Nothing is forced: a body decided upon before the user came fails, and nothing of it is written."""
    double = stored(deployment())
    body = patch(deployment(), inject(deployment(), [PLATFORM]), INJECTED)
    double.change(
        PATH, lambda its: its["spec"]["template"]["spec"]["containers"][0].update(env=env(OTEL_SERVICE_NAME="x"))
    )
    with pytest.raises(ApiError):
        apply(double, body)
    assert {("app", "OTEL_SERVICE_NAME"): (USER[0],)} == env_managers(double.shown(PATH))


def test_nothing_of_ours_means_no_withdrawal() -> None:
    """A Deployment that was never touched is not written to."""
    assert withdrawal(stored(deployment()).shown(PATH)) is None


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"state": 1, "colour": "red"}', "{}"])
def test_unreadable_status_is_no_status(text: str) -> None:
    """Whatever people write into the annotation, it is read as absent."""
    assert Status.of({"annotations": {STATUS: text}}) is None


def test_status_is_read_as_written() -> None:
    """The annotation holds all of a status."""
    status = Status("RolledBack", "demo/x", "because", {"app/A": "why"}, "c", "t", True)
    assert status == Status.of({"annotations": {STATUS: status.text()}})


def test_only_what_is_told_is_worth_a_write() -> None:
    """A later time or another template alone writes nothing."""
    double = stored(deployment())
    now = injected(double, [PLATFORM])
    later = Status("Injected", "home/default", template="other")
    assert patch(now, inject(now, [PLATFORM]), later) is None
