"""kopf's side of the operator: login, OtelProfiles as they change, and the probe.

Only `on.event` is used: it writes nothing on anybody's objects. Deployments are watched beside kopf, by label, since
kopf's watches take no selector (tests/bench/operator has the figures).
"""

from __future__ import annotations

import time
from typing import Any

import kopf

from spanloom_operator.profile import GROUP, PLURAL, VERSION


@kopf.on.login()
def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """Log in as the pod, else as KUBECONFIG says."""
    return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    """Let kopf watch one kind and write nothing; widen its patience with an API server that restarts."""
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.watching.server_timeout, settings.watching.client_timeout = 240, 300
    settings.networking.error_backoffs = [1, 2, 5, *[10] * 60]


@kopf.on.cleanup()
def stop(memo: kopf.Memo, **_: Any) -> None:
    """End the operator's own tasks when kopf ends: it would wait for them."""
    memo.work.cancel()


@kopf.on.event(GROUP, VERSION, PLURAL)
def profile_changed(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    """Hand a profile to the operator, at the beginning and whenever it changes."""
    memo.operator.reconciler.profile_changed(event["type"] or "LISTED", event["object"])


@kopf.on.probe(id="watches")
def watches(memo: kopf.Memo, **_: Any) -> str:
    """Fail when something that is watched was not heard of for too long: only a new process helps then."""
    if silent := memo.operator.silent(time.monotonic()):
        raise kopf.PermanentError(f"silent: {', '.join(silent)}")
    return "heard"
