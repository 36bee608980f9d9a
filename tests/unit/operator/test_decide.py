"""Decisions: whom the labels ask for, which profile applies, and when a rollout is taken back."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from support.builders.deployments import EXPORTER, Object, container, deployment, env, rolled_out, rolling_out
from support.servers.api_double import ApiDouble

from spanloom_operator import rollout
from spanloom_operator.apply import Status
from spanloom_operator.decide import ACKNOWLEDGED, LABEL, MODE, Decision, Specs, World, decide, wanted
from spanloom_operator.profile import Rules

PATH = "/apis/apps/v1/namespaces/demo/deployments/shop"
WORLD = World(Rules(endpoints=("*",)), "home", {("home", "default"): {"exporter": EXPORTER}}, now=1000, grace=300)
ON = {LABEL: "true"}

LABELS = {
    "nothing": ({}, None, None),
    "true": ({LABEL: "true"}, None, "default"),
    "a profile": ({LABEL: "canary"}, None, "canary"),
    "false": ({LABEL: "false"}, None, None),
    "empty": ({LABEL: ""}, None, None),
    "namespace": ({}, "true", "default"),
    "namespace with a profile": ({}, "canary", "canary"),
    "own over namespace": ({LABEL: "false"}, "true", None),
    "own profile over namespace": ({LABEL: "canary"}, "false", "canary"),
}


@pytest.mark.parametrize(("labels", "namespace", "expected"), LABELS.values(), ids=LABELS)
def test_wanted(labels: dict[str, str], namespace: str | None, expected: str | None) -> None:
    """The Deployment's own label decides, else its namespace's."""
    assert expected == wanted(deployment(labels=labels), namespace)


PROFILES = {
    "operator's default": ({}, "true", "Injected", "home/default"),
    "namespace's default first": ({("demo", "default"): {}}, "true", "Injected", "demo/default, home/default"),
    "named": ({("demo", "canary"): {}}, "canary", "Injected", "demo/canary, home/default"),
    "named and missing": ({}, "canary", "Skipped", "there is no OtelProfile canary in namespace demo"),
    "another namespace's": ({("other", "canary"): {}}, "canary", "Skipped", "there is no OtelProfile canary"),
    "invalid": (
        {("demo", "default"): {"propagators": ["b4"]}},
        "true",
        "Invalid",
        "demo/default is invalid: spec.propagators.0",
    ),
    "one that hides an invalid default": (
        {("home", "default"): {"x": 1}},
        "true",
        "Invalid",
        "home/default is invalid",
    ),
}


@pytest.mark.parametrize(("more", "label", "state", "said"), PROFILES.values(), ids=PROFILES)
def test_profile(more: Specs, label: str, state: str, said: str) -> None:
    """The namespace's profile, filled in by the operator's; a missing or invalid one injects nothing and says why."""
    world = replace(WORLD, profiles=WORLD.profiles | more)
    decision = decide(deployment(labels={LABEL: label}), world)
    assert (state, True) == (decision.reason, said in decision.message), decision.message
    assert (state == "Injected") == bool(decision.injection.entries)


def test_no_profile_says_where_telemetry_goes() -> None:
    """Without an exporter anywhere nothing is injected: the SDK would talk to localhost."""
    assert "Skipped" == decide(deployment(labels=ON), replace(WORLD, profiles={})).reason


def test_paused_deployment_waits() -> None:
    """Nothing is written to a paused Deployment's template; giving it back is no rollout and does not wait."""
    decision = decide(deployment(labels=ON, paused=True), WORLD)
    assert ("Paused", None) == (decision.reason, decision.body)


def test_change_that_kubernetes_has_not_seen_yet() -> None:
    """Right after a change nobody knows whether the Deployment is healthy: wait for its status, unless it is new."""
    its, new = deployment(labels=ON), deployment(labels=ON)
    its["metadata"]["generation"] = 2
    del new["status"]
    decision = decide(its, WORLD)
    assert ("Watched", None, 5) == (decision.reason, decision.body, decision.wait)
    assert "Injected" == decide(new, WORLD).reason


def test_dry_run_writes_nothing() -> None:
    """A rehearsal tells what would be done."""
    decision = decide(deployment(labels=ON, annotations={MODE: "dry-run"}), WORLD)
    assert ("DryRun", None) == (decision.reason, decision.body)
    assert "OTEL_SERVICE_NAME" in decision.message


def test_secret_of_envfrom_is_pointed_out() -> None:
    """What a Secret says cannot be seen, and that is said."""
    its = deployment(container(envFrom=[{"secretRef": {"name": "mine"}}]), labels=ON)
    assert "envFrom Secret mine cannot be read" in decide(its, WORLD).message


class Story:
    """A Deployment, the operator's decisions about it, and time."""

    def __init__(self) -> None:
        self.double, self.world = ApiDouble(), WORLD
        self.double.now = lambda: self.world.now
        self.double.put(PATH, deployment(labels=ON))

    def step(self, seconds: float = 0) -> Decision:
        self.world = replace(self.world, now=self.world.now + seconds)
        decision = decide(self.double.shown(PATH), self.world)
        if decision.body:
            asyncio.run(self.double.apply(PATH, decision.body))
        return decision

    def breaks(self, reason: str = "ReplicaSetUpdated") -> None:
        self.double.rolls_out = lambda found: rolling_out(found["metadata"]["generation"], reason)

    def recovers(self) -> None:
        self.double.rolls_out = lambda found: rolled_out(found["metadata"]["generation"])

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


def test_rollout_that_does_not_become_ready_is_taken_back() -> None:
    """After the grace time the template is the user's again, and the reason says how far it came."""
    story = broken()
    status = Status.of(story.double.objects[PATH]["metadata"])
    assert [] == story.env
    assert status is not None
    assert "not ready 301 s after the injection: 1 unavailable, 1 of 1 ready" in status.reason


def test_taken_back_stays_so() -> None:
    """Neither time nor the pods' recovery brings the injection back, and nothing more is written."""
    story = broken()
    story.recovers()
    assert (None, None) == (story.step().body, story.step(9999).body)


def retry_by_profile(story: Story) -> None:
    story.world = replace(story.world, profiles={("home", "default"): {"exporter": EXPORTER, "propagators": ["none"]}})


def retry_by_template(story: Story) -> None:
    story.double.change(PATH, lambda its: its["spec"]["template"]["spec"]["containers"][0].update(image="shop:2"))


def retry_by_acknowledgement(story: Story) -> None:
    story.double.change(PATH, lambda its: its["metadata"]["annotations"].update({ACKNOWLEDGED: "today"}))


@pytest.mark.parametrize("retry", [retry_by_profile, retry_by_template, retry_by_acknowledgement])
def test_tried_again_after_a_change(retry: Callable[[Story], None]) -> None:
    """Another profile, another template or the user's word is a reason to try again."""
    story = broken()
    story.recovers()
    retry(story)
    assert "Injected" == story.step().reason
    assert story.env


def test_kubernetes_gives_up_first() -> None:
    """When the progress deadline passes before the grace time, the rollout is taken back at once."""
    story = Story()
    story.breaks("ProgressDeadlineExceeded")
    assert ["Injected", "RolledBack"] == [story.step().reason, story.step(1).reason]


def test_unhealthy_before_is_not_our_doing() -> None:
    """A Deployment that was not healthy before is not taken back: it would not become so."""
    story = Story()
    story.breaks()
    story.double.change(PATH, lambda its: its["spec"].update(replicas=3))
    assert "Injected" == story.step().reason
    assert ["Injected", None] == [(last := story.step(9999)).reason, last.body]


def test_users_own_rollout_is_not_taken_back() -> None:
    """When the user ships a broken image into a good injection, the rollout is theirs."""
    story = Story()
    story.step()
    story.breaks()
    retry_by_template(story)
    story.step()
    assert "RolledBack" != story.step(9999).reason
    assert story.env


def test_old_replicaset_that_serves_again_is_guarded() -> None:
    """When a template was there before, Kubernetes leaves the condition as it was: what counts is who still runs."""
    story = Story()
    stale = {**rolling_out(2), "conditions": rolled_out(2)["conditions"]}
    story.double.rolls_out = lambda found: {**stale, "observedGeneration": found["metadata"]["generation"]}
    assert ["Injected", "Watched", "RolledBack"] == [story.step(seconds).reason for seconds in (0, 1, 301)]


def test_failure_after_a_whole_rollout_is_not_the_injections() -> None:
    """Pods that die a day later, with the template rolled out whole, take nothing back."""
    story = Story()
    story.step()
    status = rolled_out(2)
    status["availableReplicas"] = 0
    story.double.objects[PATH]["status"] = status
    assert "RolledBack" != story.step(99999).reason


def test_changed_profile_in_a_failing_rollout_is_guarded_too() -> None:
    """A second profile on top of a rollout that has not ended is taken back like the first."""
    story = Story()
    story.breaks()
    story.step()
    retry_by_profile(story)
    assert ["Injected", "RolledBack"] == [story.step(10).reason, story.step(301).reason]


def test_label_off_is_the_end_of_it() -> None:
    """Without the label the annotation goes too, also from a Deployment that was rolled back."""
    story = broken()
    story.double.change(PATH, lambda its: its["metadata"].update(labels={}))
    assert "Withdrawn" == story.step().reason
    assert {} == story.double.objects[PATH]["metadata"]["annotations"]
    assert story.step().body is None


def test_annotation_taken_over_is_a_conflict() -> None:
    """When somebody else writes the status annotation, nothing is written until it is removed."""
    story = Story()
    story.step()
    story.double.change(PATH, lambda its: its["metadata"]["annotations"].update({"spanloom.dev/status": "mine"}))
    assert ["Conflict", None] == [(last := story.step()).reason, last.body]
    story.double.change(PATH, lambda its: its["metadata"]["annotations"].clear())
    assert "Injected" == story.step().reason


def test_variable_gone_from_the_profile_goes() -> None:
    """What a profile says no longer is taken back, although nothing else has changed."""
    story = Story()
    retry_by_profile(story)
    story.step()
    story.world = replace(story.world, profiles=WORLD.profiles)
    assert "OTEL_PROPAGATORS" in {entry["name"] for entry in story.env}
    story.step()
    assert "OTEL_PROPAGATORS" not in {entry["name"] for entry in story.env}


def test_only_replacing_running_injections_counts_as_rolling() -> None:
    """A first injection needs no place among the re-rolls, a changed one does."""
    story = Story()
    first = story.step()
    retry_by_profile(story)
    assert (False, True) == (first.rolls, story.step().rolls)


@pytest.mark.parametrize(("attempt", "pause"), [(1, 0), (2, 0), (3, 10), (4, 20), (5, 40), (20, 3600)])
def test_pause_before(attempt: int, pause: float) -> None:
    """The first mending is immediate, each further one waits twice as long, an hour at most."""
    assert pause == rollout.pause_before(attempt)


def test_env_of_the_user_survives_a_rollback() -> None:
    """What is taken back is ours alone."""
    story = Story()
    story.double.change(PATH, lambda its: its["spec"]["template"]["spec"]["containers"][0].update(env=env(A="1")))
    story.breaks()
    story.step()
    story.step(301)
    assert env(A="1") == story.env
