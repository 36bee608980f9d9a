"""Remove everything that installations of the operator have added: for after they are uninstalled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanloom_operator.controller.leases import Claims
from spanloom_operator.injection.apply import body, managed_fields_patch
from spanloom_operator.injection.environment import NOTHING
from spanloom_operator.injection.managed_fields import changed_owners
from spanloom_operator.injection.workload import Workload
from spanloom_operator.kube import paths
from spanloom_operator.kube.api import NOT_FOUND, ApiError, items, key_of
from spanloom_operator.names import LEGACY_FIELD_MANAGER, field_manager, is_operator_manager

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spanloom_operator.kube.api import Api, Key, Object

ATTEMPTS = 5
"""How often a Deployment is read and written again when a user changes it meanwhile."""


async def withdraw_everything(api: Api, scopes: Sequence[str] = ("",), installation: str = "") -> list[Key]:
    """Remove what `installation` (`namespace/name`; "": all of them) has added; return the Deployments that had any.

    Its OtelInjections and Leases are deleted as well.
    """
    changed = []
    for scope in scopes:
        metadata = [item async for item in items(api, paths.deployments(scope), metadata_only=True)]
        for item in metadata:
            managers = operator_managers(item["metadata"], installation)
            if managers and await _withdraw(api, key_of(item), managers):
                changed.append(key_of(item))
        await _delete_injections(api, scope, installation)
    if installation:
        await Claims(api, installation, [scope for scope in scopes if scope]).release()
    return changed


def operator_managers(metadata: Mapping[str, Any], installation: str = "") -> tuple[str, ...]:
    """Return the field managers of an installation ("": of any) that own fields of an object."""
    expected = {field_manager(installation), LEGACY_FIELD_MANAGER} if installation else None
    managers = [entry.get("manager", "") for entry in metadata.get("managedFields") or ()]
    found = [name for name in managers if (name in expected if expected else is_operator_manager(name))]
    return tuple(dict.fromkeys(found))


async def _withdraw(api: Api, key: Key, managers: Sequence[str]) -> bool:
    """Apply the empty set for each manager; what changes meanwhile is read again."""
    done = False
    for manager in managers:
        for attempt in range(ATTEMPTS):
            try:
                done = await _withdraw_once(api, key, manager) or done
                break
            except ApiError as error:
                if not error.is_stale or attempt == ATTEMPTS - 1:
                    raise
    return done


async def _withdraw_once(api: Api, key: Key, manager: str) -> bool:
    path = paths.deployments(*key)
    deployment = await api.get(path)
    if deployment is None:
        return False
    workload = Workload.from_deployment(deployment, manager)
    if workload.handover.taken or workload.ownership.is_legacy or workload.has_legacy_status:
        patch = managed_fields_patch(workload, changed_owners(workload.managed_fields, workload))
        workload = Workload.from_deployment(await api.merge(path, patch), manager)
    if not workload.ownership.is_ours:
        return False
    await api.apply(path, body(workload, NOTHING), workload.ownership.manager)
    return True


async def _delete_injections(api: Api, scope: str, installation: str) -> None:
    try:
        found = [item async for item in items(api, paths.injections(scope))]
    except ApiError as error:
        if error.code == NOT_FOUND:
            return  # the CRD is not installed
        raise
    for item in found:
        if not installation or _installation(item) == installation:
            await api.delete(paths.injections(*key_of(item)))


def _installation(item: Object) -> str:
    return str((item.get("status") or {}).get("installation", ""))
