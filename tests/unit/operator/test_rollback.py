"""Automatic rollback: when a rollout is the injection's fault, and what allows another attempt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.builders.deployments import EXPORTER, Object, deployment, env, rolled_out, rolling_out, workload_of
from support.servers.api_double import OURS, ApiDouble

from spanloom_operator.injection.decision import Decision, Inputs, decide
from spanloom_operator.names import ACKNOWLEDGED_ANNOTATION, INJECT_LABEL
from spanloom_operator.profiles.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanloom_operator.injection.record import Record

PATH = "/apis/apps/v1/namespaces/demo/deployments/shop"
PROFILES = {("home", "default"): {"exporter": EXPORTER}}
INPUTS = Inputs(Rules(endpoints=("*",)), "home", PROFILES, now=1000, grace=300)


class Story:
    """A Deployment, the operator's decisions about it and record of it, and time."""

    def __init__(self) -> None:
        self.double, self.inputs = ApiDouble(), INPUTS
        self.record: Record | None = None
        self.double.put(PATH, deployment(labels={INJECT_LABEL: "true"}))

    def step(self, seconds: float = 0) -> Decision:
        self.inputs = replace(self.inputs, now=self.inputs.now + seconds)
        workload = workload_of(self.double.shown(PATH))
        decision = decide(workload, self.record, self.inputs)
        self.record = decision.record
        if decision.body:
            updated = self.double.apply_as(PATH, decision.body, OURS)
            generation = updated["metadata"]["generation"]
            self.record = self.record and replace(self.record, guard=replace(self.record.guard, generation=generation))
        return decision

    def edit(self, change: Callable[[Object], None]) -> None:
        self.double.change(PATH, change)

    def set_image(self, image: str) -> None:
        self.edit(lambda its: its["spec"]["template"]["spec"]["containers"][0].update(image=image))

    def breaks(self, reason: str = "ReplicaSetUpdated") -> None:
        self.double.rolls_out = lambda found: rolling_out(found["metadata"]["generation"], reason)

    def recovers(self) -> None:
        self.double.rolls_out = lambda found: rolled_out(found["metadata"]["generation"])

    def becomes_ready(self) -> None:
        self.recovers()
        self.double.objects[PATH]["status"] = rolled_out(self.double.objects[PATH]["metadata"]["generation"])

    @property
    def env(self) -> list[Object]:
        entries: list[Object] = self.double.objects[PATH]["spec"]["template"]["spec"]["containers"][0].get("env", [])
        return entries


def broken() -> Story:
    story = Story()
    story.breaks()
    assert "Injected" == story.step().reason
    assert "Watched" == story.step().reason
    assert "RolledBack" == story.step(301).reason
    return story


def test_rollout_that_does_not_become_ready_is_rolled_back() -> None:
    """After the grace time the template is the user's again, and the reason says how far it came."""
    story = broken()
    assert [] == story.env
    assert story.record is not None
    assert "not ready 301 s after the injection: 1 unavailable, 1 of 1 ready" in story.record.reason


def test_rolled_back_stays_so() -> None:
    """Neither time nor the pods' recovery brings the injection back, and nothing more is written."""
    story = broken()
    story.recovers()
    assert (None, None) == (story.step().body, story.step(9999).body)


def retry_by_profile(story: Story) -> None:
    changed = {("home", "default"): {"exporter": EXPORTER, "propagators": ["none"]}}
    story.inputs = replace(story.inputs, profiles=changed)


def retry_by_template(story: Story) -> None:
    story.set_image("shop:2")


def retry_by_acknowledgement(story: Story) -> None:
    story.edit(lambda its: its["metadata"]["annotations"].update({ACKNOWLEDGED_ANNOTATION: "today"}))


@pytest.mark.parametrize("retry", [retry_by_profile, retry_by_template, retry_by_acknowledgement])
def test_tried_again_after_a_change(retry: Callable[[Story], None]) -> None:
    """Another profile, another template or the user's word is a reason to try again."""
    story = broken()
    story.recovers()
    retry(story)
    assert "Injected" == story.step().reason
    assert story.env


def test_kubernetes_gives_up_first() -> None:
    """When the progress deadline passes before the grace time, the rollout is rolled back at once."""
    story = Story()
    story.breaks("ProgressDeadlineExceeded")
    assert ["Injected", "RolledBack"] == [story.step().reason, story.step(1).reason]


def test_unhealthy_before_is_not_the_injections_fault() -> None:
    """A Deployment that was not healthy before is not rolled back: it would not become so."""
    story = Story()
    story.breaks()
    story.edit(lambda its: its["spec"].update(replicas=3))
    assert "Injected" == story.step().reason
    assert ["Injected", None] == [(last := story.step(9999)).reason, last.body]


def test_users_own_rollout_is_not_rolled_back() -> None:
    """When the user deploys a broken image into a good injection, the rollout is theirs."""
    story = Story()
    story.step()
    story.becomes_ready()
    story.step()
    story.breaks()
    story.set_image("shop:broken")
    story.step()
    assert "RolledBack" != story.step(9999).reason
    assert story.env


def test_undo_to_an_old_template_is_not_rolled_back() -> None:
    """Back to a template that was injected long ago: its injection has proved to be harmless."""
    story = Story()
    story.step()
    story.becomes_ready()
    story.step(1)
    story.set_image("shop:2")
    story.step(9999)
    story.breaks()
    story.set_image("shop:1.2")
    assert ["Injected", "Injected"] == [story.step(1).reason, story.step(9999).reason]
    assert story.env


def test_grace_time_counts_from_this_rollout() -> None:
    """A change of the spec while an injection is rolled out begins another rollout, with a grace time of its own."""
    story = Story()
    story.breaks()
    story.step()
    story.set_image("shop:2")
    story.set_image("shop:1.2")
    assert ["Watched", "Watched", "RolledBack"] == [story.step(seconds).reason for seconds in (400, 299, 2)]


def test_old_replicaset_that_serves_again_is_guarded() -> None:
    """When a template was there before, Kubernetes leaves the condition as it was: what counts is who still runs."""
    story = Story()
    stale = {**rolling_out(2), "conditions": rolled_out(2)["conditions"]}
    story.double.rolls_out = lambda found: {**stale, "observedGeneration": found["metadata"]["generation"]}
    assert ["Injected", "Watched", "RolledBack"] == [story.step(seconds).reason for seconds in (0, 1, 301)]


def test_failure_after_a_whole_rollout_is_not_the_injections() -> None:
    """Pods that die a day later, with the template rolled out whole, withdraw nothing."""
    story = Story()
    story.step()
    status = rolled_out(2)
    status["availableReplicas"] = 0
    story.double.objects[PATH]["status"] = status
    assert "RolledBack" != story.step(99999).reason


def test_changed_profile_in_a_failing_rollout_is_guarded_too() -> None:
    """A second profile on top of a rollout that has not ended is rolled back like the first."""
    story = Story()
    story.breaks()
    story.step()
    retry_by_profile(story)
    assert ["Injected", "RolledBack"] == [story.step(10).reason, story.step(301).reason]


def test_process_that_ended_before_the_record_was_written() -> None:
    """Without a record a rollout that is under way counts as the operator's: it fails on the safe side."""
    story = Story()
    story.breaks()
    story.step()
    story.record = None
    assert ["Injected", "Watched", "RolledBack"] == [story.step(seconds).reason for seconds in (1, 1, 301)]


def test_label_off_ends_everything() -> None:
    """Without the label no record remains, also of a Deployment that was rolled back."""
    story = broken()
    story.edit(lambda its: its["metadata"].update(labels={}))
    assert ("Withdrawn", None) == ((last := story.step()).reason, last.record)


def test_variable_removed_from_the_profile_is_removed() -> None:
    """What a profile no longer contains is withdrawn, although nothing else has changed."""
    story = Story()
    retry_by_profile(story)
    story.step()
    story.inputs = replace(story.inputs, profiles=PROFILES)
    assert "OTEL_PROPAGATORS" in {entry["name"] for entry in story.env}
    story.step()
    assert "OTEL_PROPAGATORS" not in {entry["name"] for entry in story.env}


def test_only_replacing_running_injections_needs_a_slot() -> None:
    """A first injection needs no slot among the rollouts, a changed one does."""
    story = Story()
    first = story.step()
    retry_by_profile(story)
    assert (False, True) == (first.replaces_pods, story.step().replaces_pods)


def test_env_of_the_user_survives_a_rollback() -> None:
    """What is rolled back is the operator's alone."""
    story = Story()
    story.edit(lambda its: its["spec"]["template"]["spec"]["containers"][0].update(env=env(A="1")))
    story.breaks()
    story.step()
    story.step(301)
    assert env(A="1") == story.env


def test_rolled_back_by_an_earlier_version() -> None:
    """A rollback that the annotation of an earlier version reports is kept."""
    story = Story()
    story.edit(lambda its: its["metadata"]["annotations"].update({"spanloom.dev/status": '{"state": "RolledBack"}'}))
    assert ("OwnersChanged", "RolledBack") == ((first := story.step()).reason, first.record and first.record.state)
    story.edit(lambda its: its["metadata"]["annotations"].clear())
    assert ("RolledBack", None) == ((last := story.step()).reason, last.body)
