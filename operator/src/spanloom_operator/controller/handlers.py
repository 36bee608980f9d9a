"""kopf's part of the operator: login, and OtelProfiles as they change.

Only `on.event` is used: it writes nothing on objects of others. Deployments are watched beside kopf, by label,
since kopf's watches take no selector (tests/bench/operator has the figures).
"""

from __future__ import annotations

from typing import Any

import kopf

from spanloom_operator.names import GROUP, PROFILE_PLURAL, VERSION


@kopf.on.login()
def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """Log in as the pod, else as KUBECONFIG says."""
    return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    """Let kopf watch one kind and write nothing; allow for an API server that restarts."""
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.watching.server_timeout, settings.watching.client_timeout = 240, 300
    settings.networking.error_backoffs = [1, 2, 5, *[10] * 60]


@kopf.on.cleanup()
def stop(memo: kopf.Memo, **_: Any) -> None:
    """End the operator's own tasks when kopf ends: it would wait for them."""
    memo.work.cancel()


@kopf.on.event(GROUP, VERSION, PROFILE_PLURAL)
def profile_changed(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    """Hand a profile to the controller, at the beginning and whenever it changes."""
    memo.controller.profile_changed(event["type"] or "LISTED", event["object"])
