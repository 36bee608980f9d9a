"""Kubernetes' controllers on a node of kind, with a higher limit of requests."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from support.cluster.kube import Kube
from support.polling import poll_until

from e2e.faults.faults import on_node

if TYPE_CHECKING:
    from collections.abc import Iterator

MANIFEST = "/etc/kubernetes/manifests/kube-controller-manager.yaml"
# The default is 20 requests a second, which is seven ReplicaSets: a thousand take minutes.
FASTER = r"s|^    - kube-controller-manager$|&\n    - --kube-api-qps=200\n    - --kube-api-burst=400|"
AS_BEFORE = "/--kube-api-/d"


@contextmanager
def faster_controllers(kubeconfig: str) -> Iterator[None]:
    """Let kube-controller-manager send ten times as many requests; it restarts at the beginning and at the end."""
    system = Kube("kube-system", kubeconfig)
    _restart_with(system, FASTER)
    try:
        yield
    finally:
        _restart_with(system, AS_BEFORE)


def _restart_with(system: Kube, change: str) -> None:
    (pod,) = system.get("pods", "--selector=component=kube-controller-manager")["items"]
    before = _leader(system)
    on_node(pod["spec"]["nodeName"], "sed", "--in-place", change, MANIFEST)
    poll_until(lambda: _leader(system) not in {"", before}, "kube-controller-manager has a new leader", 120)


def _leader(system: Kube) -> str:
    return str(system.get("lease/kube-controller-manager")["spec"].get("holderIdentity") or "")
