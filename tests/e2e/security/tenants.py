"""The tenant's objects: OtelProfiles, Deployments, and the roles and policy that limit the tenant to those."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cluster.kube import Kube, Object

LABEL = "spanloom.dev/inject"
TENANT = "--as=tenant"
PROFILE_VERBS = ["create", "get", "list", "patch"]
SECRETS = {"env": [{"name": "DATABASE_PASSWORD", "value": "CANARY"}], "name": "app", "image": "none:0"}


def profile(name: str, spec: Object) -> Object:
    kind = {"apiVersion": "spanloom.dev/v1alpha1", "kind": "OtelProfile"}
    return {**kind, "metadata": {"name": name}, "spec": spec}


def shop(name: str, *containers: Object) -> Object:
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": list(containers) or [SECRETS]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "annotations": {"example.org/kept": "yes"}},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod},
    }


@contextmanager
def tenant_rights(kube: Kube) -> Iterator[None]:
    """Let the tenant write profiles and the metadata of Deployments in a namespace, inside the block."""
    policy = _metadata_policy(kube)
    verbs = [f"--verb={verb}" for verb in PROFILE_VERBS]
    kube("create", "role", "tenant", "--resource=otelprofiles.spanloom.dev", *verbs)
    kube("create", "role", "labels", "--resource=deployments.apps", "--verb=get", "--verb=patch")
    for role in ("tenant", "labels"):
        kube("create", "rolebinding", role, f"--role={role}", "--user=tenant")
    kube("apply", "-f", "-", stdin=policy)
    try:
        yield
    finally:
        kube("delete", "--wait=false", "-f", "-", stdin=policy)


def _metadata_policy(kube: Kube) -> str:
    """Return the admission policy that refuses the tenant any change of a Deployment's spec; a role cannot."""
    rules = [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["deployments"]}]
    spec = {
        "matchConstraints": {"resourceRules": rules},
        "matchConditions": [{"name": "tenant", "expression": "request.userInfo.username == 'tenant'"}],
        "validations": [{"expression": "object.spec == oldObject.spec", "message": "labels only"}],
    }
    binding = {"policyName": kube.namespace, "validationActions": ["Deny"]}
    kinds = {"ValidatingAdmissionPolicy": spec, "ValidatingAdmissionPolicyBinding": binding}
    version = "admissionregistration.k8s.io/v1"
    things = [
        {"apiVersion": version, "kind": kind, "metadata": {"name": kube.namespace}, "spec": spec}
        for kind, spec in kinds.items()
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": things})
