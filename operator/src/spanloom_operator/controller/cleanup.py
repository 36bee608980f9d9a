"""Remove everything that installations of the operator have added: for after they are uninstalled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanloom_operator.controller.leases import Claims
from spanloom_operator.injection.apply import body, managed_fields_patch
from spanloom_operator.injection.environment import NOTHING
from spanloom_operator.injection.managed_fields import changed_owners
from spanloom_operator.injection.workload import Workload
from spanloom_operator.kinds import KINDS
from spanloom_operator.kube import paths
from spanloom_operator.kube.api import NOT_FOUND, ApiError, items, key_of
from spanloom_operator.names import LEGACY_FIELD_MANAGER, field_manager, is_operator_manager

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spanloom_operator.kinds import Kind, WorkloadKey
    from spanloom_operator.kube.api import Api, Object

ATTEMPTS = 5
"""How often a workload is read and written again when a user changes it meanwhile."""


async def withdraw_everything(api: Api, scopes: Sequence[str] = ("",), installation: str = "") -> list[WorkloadKey]:
    """Remove what `installation` (`namespace/name`; "": all of them) has added; return the workloads that had any.

    Its OtelInjections and Leases are deleted as well.
    """
    changed = []
    for scope in scopes:
        for kind in KINDS.values():
            changed += await _withdraw_kind(api, kind, scope, installation)
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


async def _withdraw_kind(api: Api, kind: Kind, scope: str, installation: str) -> list[WorkloadKey]:
    changed = []
    for item in [item async for item in items(api, paths.workloads(kind, scope), metadata_only=True)]:
        managers = operator_managers(item["metadata"], installation)
        if managers and await _withdraw(api, kind.key_of(item), managers):
            changed.append(kind.key_of(item))
    return changed


async def _withdraw(api: Api, key: WorkloadKey, managers: Sequence[str]) -> bool:
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


async def _withdraw_once(api: Api, key: WorkloadKey, manager: str) -> bool:
    path, kind = paths.workload(key), KINDS[key.kind]
    found = await api.get(path)
    if found is None:
        return False
    workload = Workload.from_object(kind, found, manager)
    if workload.handover.taken or workload.ownership.is_legacy or workload.has_legacy_status:
        patch = managed_fields_patch(workload, changed_owners(workload))
        workload = Workload.from_object(kind, await api.merge(path, patch), manager)
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
