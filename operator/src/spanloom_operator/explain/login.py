"""Credentials of a kubeconfig's user: a certificate, a token, a password, or the plugin that prints one.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spanloom_operator.explain.problems import ExplainError

if TYPE_CHECKING:
    import kopf

    from spanloom_operator.explain.kubeconfig import Context

Object = dict[str, Any]
CLUSTER_INFO = frozenset({"server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data"})


def connection_of(context: Context) -> kopf.ConnectionInfo:
    """Return server and credentials of a context; run its credential plugin when it has one. Raise ExplainError."""
    import kopf  # noqa: PLC0415 - half a second that only a cluster needs

    cluster, user = context.cluster, {**context.user, **_credentials(context)}
    if user.get("auth-provider"):
        raise ExplainError(f"context {context.name}: auth-provider is not supported; kubectl uses exec since 1.26")
    authority = cluster.get("certificate-authority-data")  # data wins over a file, as for kubectl
    certificate, key = user.get("client-certificate-data"), user.get("client-key-data")
    return kopf.ConnectionInfo(
        server=cluster["server"].rstrip("/"),
        ca_path=None if authority else cluster.get("certificate-authority"),
        ca_data=authority,
        insecure=cluster.get("insecure-skip-tls-verify"),
        username=user.get("username"),
        password=user.get("password"),
        token=user.get("token"),
        proxy_url=cluster.get("proxy-url"),
        certificate_data=certificate,
        certificate_path=None if certificate else user.get("client-certificate"),
        private_key_data=key,
        private_key_path=None if key else user.get("client-key"),
    )


def _credentials(context: Context) -> Object:
    user = context.user
    if user.get("exec"):
        return _plugin_credentials(user["exec"], context)
    if user.get("tokenFile"):
        try:
            return {"token": Path(user["tokenFile"]).read_text(encoding="utf-8").strip()}
        except OSError as error:
            raise ExplainError(f"context {context.name}: token file {user['tokenFile']}: {error.strerror}") from None
    return {}


def _plugin_credentials(plugin: Object, context: Context) -> Object:
    """Run a credential plugin; what it writes to standard error (such as a code to type) goes to the user."""
    command = [plugin.get("command") or "", *map(str, plugin.get("args") or ())]
    info = {"apiVersion": plugin.get("apiVersion"), "kind": "ExecCredential", "spec": _spec(plugin, context)}
    own = {entry["name"]: entry["value"] for entry in plugin.get("env") or ()}
    environ = {**os.environ, **own, "KUBERNETES_EXEC_INFO": json.dumps(info)}
    try:
        done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, check=True)  # noqa: S603 - the user's own
        return plugin_status(json.loads(done.stdout))
    except (OSError, subprocess.CalledProcessError) as error:
        reason = f"exit status {error.returncode}" if hasattr(error, "returncode") else error.strerror
        raise ExplainError(f"context {context.name}: credential plugin {command[0]}: {reason}") from None
    except (ValueError, KeyError, TypeError):
        raise ExplainError(f"context {context.name}: credential plugin {command[0]}: no ExecCredential") from None


def _spec(plugin: Object, context: Context) -> Object:
    cluster = {key: value for key, value in context.cluster.items() if key in CLUSTER_INFO}
    return {"interactive": sys.stdin.isatty()} | ({"cluster": cluster} if plugin.get("provideClusterInfo") else {})


def plugin_status(credential: Object) -> Object:
    """Return the status of an ExecCredential under the kubeconfig's keys; KeyError when it has none."""
    status = credential["status"]
    keys = {
        "token": "token",
        "clientCertificateData": "client-certificate-data",
        "clientKeyData": "client-key-data",
    }
    return {name: status[key] for key, name in keys.items() if status.get(key)}


def service_account() -> kopf.ConnectionInfo | None:
    """Return server and credentials of the pod this process runs in, or None outside of a cluster."""
    import kopf  # noqa: PLC0415 - half a second that only a cluster needs

    return kopf.login_with_service_account(settings=kopf.OperatorSettings())
