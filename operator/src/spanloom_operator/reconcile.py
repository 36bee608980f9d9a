"""Keep every Deployment as its labels and profiles want it: look, decide, and at most one write.

Nothing here survives the process and nothing needs to: what the operator did is in the Deployment's managedFields
and status annotation. State is only what the watches have brought.
"""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spanloom import instrument
from spanloom_operator import paths, rollout
from spanloom_operator.api import CONFLICT, NOT_FOUND, ApiError
from spanloom_operator.apply import Status
from spanloom_operator.decide import LABEL, Decision, World, decide, profile_keys, wanted
from spanloom_operator.inject import env_from_config_maps
from spanloom_operator.ownership import STATUS, fingerprint, owns_anything
from spanloom_operator.profile import InvalidProfile, read
from spanloom_operator.seen import LEFT_OUT, WATCHED, WRITES, Seen
from spanloom_operator.workqueue import WorkQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from spanloom_operator.api import Api, Object
    from spanloom_operator.settings import Settings

Key = tuple[str, str]
"""Namespace and name."""

REFUSED = frozenset({400, 403, 422})  # asking again would be refused again
FIGHT = 3  # so many mendings in a row are a fight, not an accident
SECOND_LOOK = 1.0  # seconds after a write
FORGIVEN = 3600  # seconds after which a mending is not "in a row" any more
log = logging.getLogger(__name__)


@dataclass
class Mended:
    """How often the same body was applied in a row, and when last (seconds since the epoch)."""

    body: str
    attempt: int
    at: float


class Reconciler:
    """All Deployments the operator looks after, and what decides about them."""

    def __init__(self, api: Api, settings: Settings, now: Callable[[], float]) -> None:
        self.api, self.settings, self.now = api, settings, now
        # None: something happened to it that no watch shows whole; read it before deciding.
        self.deployments: dict[Key, Object | None] = {}
        self.profiles: dict[Key, Object] = {}
        self.namespaces: dict[str, str] = {}
        self.queue: WorkQueue[Key] = WorkQueue()
        self.seen = Seen()
        self.changed = asyncio.Event()  # something the profiles' statuses may tell
        # Until when (seconds since the epoch) a rollout takes up a place.
        self._rolling: dict[Key, float] = {}
        self._writing: set[Key] = set()
        self._held: set[Key] = set()
        self._mended: dict[Key, Mended] = {}
        self._failures: dict[Key, int] = {}

    # ---- what the watches bring
    def deployment_changed(self, change: str, deployment: Object) -> None:
        """Take note of a Deployment; the end of a watch with a selector may only mean that its label is gone."""
        key = key_of(deployment)
        known = self.deployments.get(key)
        if change == "DELETED":
            self.deployments[key] = None
        elif known is None or version(deployment) > version(known):
            self._note(key, deployment)
        else:
            return
        self.queue.add(key)

    def _note(self, key: Key, deployment: Object) -> None:
        self.deployments[key] = deployment
        self._release(key, deployment)
        self.changed.set()

    def deployments_listed(self, namespace: str, items: Iterable[Object]) -> None:
        """Take note of all Deployments of a source ("" for all namespaces); read those it no longer has."""
        present = {key_of(item): item for item in items}
        for item in present.values():
            self.deployment_changed("LISTED", item)
        for key in self.deployments.keys() - present.keys():
            if namespace in {"", key[0]}:
                self.look_at(key)

    def look_at(self, key: Key) -> None:
        """Read a Deployment and decide about it, whatever is known of it."""
        self.deployments[key] = None
        self.queue.add(key)

    def namespace_changed(self, name: str, label: str | None) -> None:
        """Take note of a namespace's default label, or of its end."""
        if self.namespaces.get(name) == label:
            return
        self.namespaces = (
            {**self.namespaces, name: label} if label else {k: v for k, v in self.namespaces.items() if k != name}
        )
        self.again(key for key in self.deployments if key[0] == name)

    def profile_changed(self, change: str, profile: Object) -> None:
        """Take note of an OtelProfile; its own status does not count as a change."""
        key = key_of(profile)
        known = self.profiles.pop(key, None)
        if change != "DELETED":
            self.profiles[key] = profile if known is None or version(profile) > version(known) else known
        self.changed.set()
        if (known or {}).get("spec") != self.profiles.get(key, {}).get("spec"):
            self._tell_problems(key)
            self.again(other for other in self.deployments if key in self._layers(other))

    # ---- one Deployment
    @instrument
    async def reconcile(self, key: Key) -> None:
        """Look at one Deployment; whatever fails is said and tried again."""
        try:
            await self._reconcile(key)
            self._failures.pop(key, None)
        except ApiError as error:
            self._failed(key, error)

    async def _reconcile(self, key: Key) -> None:
        deployment = self.deployments.get(key) or await self.api.get(paths.deployments(*key))
        if deployment is None:
            return self._forget(key)
        self.deployments[key] = deployment
        WATCHED.set(len(self.deployments))
        decision = decide(deployment, await self._world(key, deployment))
        if decision.fields is not None:
            at = paths.deployments(*key), decision.fields, deployment["metadata"]["resourceVersion"]
            self.deployment_changed("HANDED OVER", await self.api.hand_over(*at))
        elif decision.wait is not None:
            self.queue.add_later(key, decision.wait)
        elif decision.body is not None:
            await self._write(key, deployment, decision)
        else:
            self._settled(key, deployment, decision)
        return None

    async def _write(self, key: Key, deployment: Object, decision: Decision) -> None:
        if not self._may_roll(key, decision) or not self._may_mend(key, decision):
            return
        if decision.rolls:
            self._rolling[key] = math.inf  # nothing shows it yet
        self._writing.add(key)
        try:
            updated = await self.api.apply(paths.deployments(*key), decision.body or {})
        finally:
            self._writing.discard(key)
        WRITES.labels("applied").inc()
        for left in decision.injection.left_out:
            LEFT_OUT.labels(left.kind).inc()
        self.seen.tell("Deployment", updated["metadata"], *self._words(key, decision))
        if self.deployments.get(key) is deployment:
            self._note(key, updated)
            if version(updated) > version(deployment):
                self._look_again(key, decision)
        self._release(key, self.deployments.get(key))  # a watch may have been faster, or the write have changed nothing

    def _look_again(self, key: Key, decision: Decision) -> None:
        """See what became of a write: at once when nothing shall be left, else when others have had their first."""
        if decision.status is None:
            self.queue.add(key)
        else:
            self.queue.add_later(key, SECOND_LOOK)

    def _settled(self, key: Key, deployment: Object, decision: Decision) -> None:
        """Nothing to write: say what stands in the way, if anything, and let go of what is not ours."""
        if decision.status is None and decision.reason != "Withdrawn":
            self.seen.tell("Deployment", deployment["metadata"], decision.reason, decision.message)
        if wanted(deployment, self.namespaces.get(key[0])) is None:
            self._forget(key)

    def _forget(self, key: Key) -> None:
        if deployment := self.deployments.pop(key, None):
            self.seen.forget(deployment["metadata"]["uid"])
        self._release(key, None)
        self._mended.pop(key, None)
        self.queue.not_later(key)
        self.changed.set()
        WATCHED.set(len(self.deployments))

    def _failed(self, key: Key, error: ApiError) -> None:
        """Say what was refused, and try again: at once after a conflict with what was read, later and later else."""
        attempt = self._failures[key] = self._failures.get(key, 0) + 1
        WRITES.labels(str(error.code)).inc()
        deployment = self.deployments.get(key)
        about = {"kind": "Deployment", "object": "/".join(key), "reason": "WriteFailed"}
        log.warning("Deployment %s/%s: %s: %s", *key, error.code, error, extra=about)
        if deployment and (error.code in REFUSED or (error.code == CONFLICT and attempt > 1)):
            reason = "Conflict" if error.code == CONFLICT else "Refused"
            self.seen.tell("Deployment", deployment["metadata"], reason, str(error))
        self._release(key, deployment)
        if error.code in {CONFLICT, NOT_FOUND}:
            self.deployments[key] = None
        delay = self.settings.resync if error.code in REFUSED else rollout.pause_before(attempt + 1)
        self.queue.add_later(key, delay)

    # ---- restraint
    def _may_roll(self, key: Key, decision: Decision) -> bool:
        """Whether another rollout of running pods may begin; else the Deployment waits for a place."""
        now = self.now()
        taken = sum(ends > now for other, ends in self._rolling.items() if other != key) if decision.rolls else 0
        if taken < self.settings.rollouts:
            return True
        self._held.add(key)
        self.queue.add_later(key, self.settings.grace)
        return False

    def _release(self, key: Key, deployment: Object | None) -> None:
        """Note until when a rollout takes up a place; give a finished one's place to those who wait."""
        if key in self._writing:
            return
        ends = rollout.ends(deployment, Status.of(deployment["metadata"]), self.settings.grace) if deployment else 0
        if ends > self.now():
            self._rolling[key] = ends
        elif self._rolling.pop(key, 0):
            held, self._held = self._held, set()
            self.again(held)

    def _may_mend(self, key: Key, decision: Decision) -> bool:
        """Whether the body may be applied now: the more often others undo it, the longer it takes."""
        now, text = self.now(), fingerprint([decision.body and decision.body.get("spec"), decision.reason])
        last = self._mended.get(key)
        if last is None or last.body != text or now - last.at > FORGIVEN:
            self._mended[key] = Mended(text, 1, now)
            return True
        if (left := last.at + rollout.pause_before(last.attempt + 1) - now) > 0:
            self.queue.add_later(key, left)
            return False
        self._mended[key] = Mended(text, last.attempt + 1, now)
        return True

    def _words(self, key: Key, decision: Decision) -> tuple[str, str]:
        attempt = self._mended[key].attempt
        if attempt < FIGHT:
            return decision.reason, decision.message
        pause = rollout.pause_before(attempt + 1)
        return (
            "Conflict",
            f"somebody removes the injection again and again; mended {attempt} times, next in {pause:g} s",
        )

    # ---- what decisions need
    async def _world(self, key: Key, deployment: Object) -> World:
        return World(
            rules=self.settings.rules,
            home=self.settings.namespace,
            profiles={name: profile.get("spec") or {} for name, profile in self.profiles.items()},
            namespace_label=self.namespaces.get(key[0]),
            config_maps=await self._config_maps(deployment) if wanted(deployment, self.namespaces.get(key[0])) else {},
            now=self.now(),
            grace=self.settings.grace,
        )

    async def _config_maps(self, deployment: Object) -> dict[str, Mapping[str, str]]:
        namespace = deployment["metadata"]["namespace"]
        found = {
            name: await self.api.get(paths.config_map(namespace, name))
            for name in sorted(env_from_config_maps(deployment))
        }
        return {name: config_map.get("data") or {} for name, config_map in found.items() if config_map}

    def _layers(self, key: Key) -> tuple[Key, ...]:
        deployment = self.deployments.get(key)
        name = deployment and wanted(deployment, self.namespaces.get(key[0]))
        return profile_keys(key[0], name, self.settings.namespace) if name else ()

    def again(self, keys: Iterable[Key]) -> None:
        """Have these Deployments looked at."""
        for key in sorted(keys):
            self.queue.add(key)

    # ---- profiles
    def _tell_problems(self, key: Key) -> None:
        if profile := self.profiles.get(key):
            for problem in self.problems(profile):
                self.seen.tell("OtelProfile", profile["metadata"], "Invalid", problem)

    def problems(self, profile: Object) -> tuple[str, ...]:
        """Say what is wrong with a profile, a line each."""
        try:
            read(profile.get("spec") or {}, self.settings.rules)
        except InvalidProfile as invalid:
            return invalid.problems
        return ()

    def profile_statuses(self) -> dict[Key, dict[str, Any]]:
        """Return what the status of each profile should be: whether it is valid, and how its Deployments fare."""
        states: dict[Key, list[str]] = {key: [] for key in self.profiles}
        for key, deployment in self.deployments.items():
            status = Status.of(deployment["metadata"]) if deployment else None
            for layer in self._layers(key) if status else ():
                states.get(layer, []).append(status.state if status else "")
        return {key: self._profile_status(self.profiles[key], found) for key, found in states.items()}

    def _profile_status(self, profile: Object, states: list[str]) -> dict[str, Any]:
        problems = self.problems(profile)
        return {
            "observedGeneration": profile["metadata"].get("generation", 0),
            "valid": not problems,
            "problems": list(problems),
            "deployments": len(states),
            "injected": states.count("Injected"),
            "rolledBack": states.count("RolledBack"),
        }


def key_of(thing: Mapping[str, Any]) -> Key:
    """Return namespace and name of an object."""
    return thing["metadata"]["namespace"], thing["metadata"]["name"]


def version(thing: Mapping[str, Any]) -> int:
    """Return the resourceVersion as a number: versions of one resource may be compared (Kubernetes 1.35, KEP-5504)."""
    return int(thing["metadata"]["resourceVersion"])


def is_leftover(metadata: Mapping[str, Any]) -> bool:
    """Whether the object is ours in part, although no label asks for it."""
    labelled = LABEL in (metadata.get("labels") or {})
    return not labelled and (STATUS in (metadata.get("annotations") or {}) or owns_anything(metadata))
