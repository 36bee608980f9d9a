"""The kubeconfig by the rules of kubectl: several files in KUBECONFIG, contexts, and a current namespace.

https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from spanloom_operator.explain.kubeconfig_entries import ClusterEntry, ContextEntry, UserEntry
from spanloom_operator.explain.problems import ExplainError
from spanloom_operator.explain.strict import Part, check

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Object = dict[str, Any]
DEFAULT_FILE = "~/.kube/config"
SECTIONS = {"clusters": "cluster", "contexts": "context", "users": "user"}
MODELS: dict[str, type[Part]] = {"clusters": ClusterEntry, "contexts": ContextEntry, "users": UserEntry}
FILE_KEYS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
"""Keys whose values are paths relative to the file that holds them."""


@dataclass(frozen=True)
class Context:
    """One context: where the API server is, as whom, and the current namespace."""

    name: str
    namespace: str
    cluster: Object = field(default_factory=dict)
    user: Object = field(default_factory=dict)


def kubeconfig_files(option: str, environ: Mapping[str, str]) -> list[Path]:
    """Return the files that kubectl would read: `option`, else those of KUBECONFIG, else ~/.kube/config."""
    if option:
        return [Path(option)]
    named = [Path(name) for name in environ.get("KUBECONFIG", "").split(os.pathsep) if name]
    files = named or [Path(DEFAULT_FILE).expanduser()]
    return [file for file in files if file.exists()]


def read_context(files: Sequence[Path], name: str = "") -> Context:
    """Return the context `name` of the merged files, by default the current one. Raise ExplainError."""
    return select_context(merge([(file.parent, _read(file)) for file in files]), name, " ".join(map(str, files)))


def _read(file: Path) -> Object:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExplainError(f"kubeconfig {file}: {getattr(error, 'strerror', None) or 'not a text file'}") from None
    except yaml.YAMLError:
        raise ExplainError(f"kubeconfig {file}: not YAML") from None
    if not isinstance(content or {}, dict):
        raise ExplainError(f"kubeconfig {file}: expected clusters, contexts and users")
    return content or {}


def merge(configs: Iterable[tuple[Path, Object]]) -> Object:
    """Merge the contents of files, each with its folder: the first that sets a value or a name wins."""
    merged: Object = {"current-context": "", **{section: {} for section in SECTIONS}}
    for folder, config in configs:
        merged["current-context"] = merged["current-context"] or config.get("current-context") or ""
        for section, key in SECTIONS.items():
            for entry in _entries(config.get(section)):
                merged[section].setdefault(str(entry.get("name")), _with_paths(_mapping(entry.get(key)), folder))
    return merged


def _entries(section: object) -> list[Object]:
    return [entry for entry in section if isinstance(entry, dict)] if isinstance(section, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: object) -> Object:
    return value if isinstance(value, dict) else {}


def _with_paths(values: Object, folder: Path) -> Object:
    paths: Object = {key: str(folder / values[key]) for key in FILE_KEYS if _text(values.get(key))}
    command = _text(_mapping(values.get("exec")).get("command"))
    if os.sep in command:
        paths["exec"] = {**values["exec"], "command": str(folder / command)}
    return {**values, **paths}


def select_context(merged: Object, name: str, files: str) -> Context:
    """Return one context of a merged kubeconfig. Raise ExplainError when it names what is not there."""
    wanted = name or str(merged["current-context"])
    if not wanted:
        raise ExplainError(f"kubeconfig {files}: no current context; choose one with --context")
    context = _named(merged, "contexts", wanted, files)
    cluster = _named(merged, "clusters", str(context.get("cluster")), files)
    user = _named(merged, "users", str(context["user"]), files) if context.get("user") else {}
    return Context(wanted, context.get("namespace") or "default", cluster, user)


def _named(merged: Object, section: str, name: str, files: str) -> Object:
    if name not in merged[section]:
        raise ExplainError(f"kubeconfig {files}: no {SECTIONS[section]} {name}")
    found: Object = merged[section][name]
    check(MODELS[section], found, f"kubeconfig {files}: {SECTIONS[section]} {name}", secret=section == "users")
    return found
