"""`kubectl rollout`: undo, restart and pause work as without the operator; and the automatic rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from e2e.operator.shop import IMAGE, env, generation, image, label, profile, revisions, shop, unlabel
from support.cluster.kube import visible_fields, wait_for_state
from support.polling import poll_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from support.cluster.kube import Kube

    Operating = Callable[..., AbstractContextManager[object]]


def observed(kube: Kube) -> bool:
    found = kube.get("deployment/shop")
    return bool(found["status"].get("observedGeneration") == found["metadata"]["generation"])


def test_undo_gives_the_revision_the_user_means(kube: Kube, operating: Operating) -> None:
    """One deploy is one revision; `rollout undo` returns to the image before; label off leaves nothing."""
    kube.apply(shop(kube))
    with operating():
        label(kube)
        wait_for_state(kube, "Injected")
        poll_until(lambda: observed(kube), "its ReplicaSet exists")
        before = revisions(kube)
        kube("set", "image", "deployment/shop", "app=python:bad")
        poll_until(lambda: revisions(kube) == before + 1, "the deploy is a revision")
        assert (2 + 1, before + 1) == (generation(kube), revisions(kube))
        kube("rollout", "undo", "deployment/shop")
        poll_until(lambda: observed(kube), "the undo is observed")
        assert (IMAGE, before + 1) == (image(kube), revisions(kube))
        assert "OTEL_SERVICE_NAME" in env(kube)
        assert "Conflict" not in kube("events", "--for", "deployment/shop")
        unlabel(kube)
        wait_for_state(kube, None)
    assert {} == env(kube)


def test_undo_across_a_changed_profile(kube: Kube, operating: Operating) -> None:
    """The image is that of the revision, the injected variables are those of the present profile."""
    kube.apply(shop(kube), profile(kube, sampler={"type": "always_on"}))
    with operating():
        label(kube)
        poll_until(lambda: env(kube).get("OTEL_TRACES_SAMPLER") == "always_on", "it is injected")
        poll_until(lambda: observed(kube), "its ReplicaSet exists")
        kube("set", "image", "deployment/shop", "app=python:bad")
        kube.apply(profile(kube, sampler={"type": "always_off"}))
        poll_until(lambda: env(kube).get("OTEL_TRACES_SAMPLER") == "always_off", "the profile is applied")
        poll_until(lambda: observed(kube), "its ReplicaSet exists")
        kube("rollout", "undo", "deployment/shop", "--to-revision=2")
        poll_until(lambda: image(kube) == IMAGE and env(kube)["OTEL_TRACES_SAMPLER"] == "always_off", "both are right")
        unlabel(kube)
        wait_for_state(kube, None)
    assert {} == env(kube)


def test_restart_and_pause(kube: Kube, operating: Operating) -> None:
    """A restart is one generation more; a paused Deployment is left alone until it is resumed."""
    kube.apply(shop(kube))
    with operating():
        label(kube)
        wait_for_state(kube, "Injected")
        before = generation(kube)
        kube("rollout", "restart", "deployment/shop")
        kube("rollout", "pause", "deployment/shop")
        kube.apply(profile(kube, sampler={"type": "always_off"}))
        poll_until(lambda: "Paused" in kube("events", "--for", "deployment/shop"), "an Event says that it waits")
        assert before + 2 == generation(kube)
        kube("rollout", "resume", "deployment/shop")
        poll_until(lambda: "OTEL_TRACES_SAMPLER" in env(kube), "the profile is applied")
        assert before + 4 == generation(kube)


def test_rollout_that_fails_is_rolled_back(kube: Kube, operating: Operating) -> None:
    """An injection with which the application does not start is withdrawn, and tried again only on request."""
    picky = "'OTEL_SERVICE_NAME' in os.environ and sys.exit(1); open('/tmp/ready', 'w'); signal.pause()"
    probe = {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1}
    kube.apply(shop(kube, 1, command=["python3", "-c", f"import os, signal, sys; {picky}"], readinessProbe=probe))
    kube("rollout", "status", "deployment/shop", "--timeout=60s")
    before = visible_fields(kube)
    with operating(GRACE="6"):
        label(kube)
        wait_for_state(kube, "RolledBack")
        kube("rollout", "status", "deployment/shop", "--timeout=60s")
        assert before["spec"] == visible_fields(kube)["spec"]
        kube("annotate", "deployment/shop", "spanloom.dev/acknowledged=1")
        wait_for_state(kube, "Injected")
        wait_for_state(kube, "RolledBack")


def test_return_to_an_old_template_is_not_rolled_back(kube: Kube, operating: Operating) -> None:
    """A template that was injected longer ago than the grace time is rolled out like any other."""
    kube.apply(shop(kube, 1))
    with operating(GRACE="3"):
        label(kube)
        wait_for_state(kube, "Injected")
        kube("rollout", "status", "deployment/shop", "--timeout=60s")
        kube("set", "env", "deployment/shop", "OWN=1")
        kube("rollout", "status", "deployment/shop", "--timeout=60s")
        kube("set", "env", "deployment/shop", "OWN-")
        kube("rollout", "status", "deployment/shop", "--timeout=60s")
        wait_for_state(kube, "Injected")
        assert "RolledBack" not in kube("events", "--for", "deployment/shop")
    assert "OTEL_SERVICE_NAME" in env(kube)
