"""The files that `make dashboards` writes, below helm/prometheus/files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from dashboards import grafana, perses
from dashboards.rules import rule_file
from dashboards.tables.everything import DASHBOARDS, RULES

FOLDER = Path(__file__).parents[2] / "helm" / "prometheus" / "files"
HEAD = "# Written by `make dashboards` from deploy/dashboards.\n"


def files() -> dict[Path, str]:
    """Return the text of every file by its path."""
    texts = {f"dashboards/{table.uid}.json": grafana.to_json(table) for table in DASHBOARDS}
    texts |= {f"perses/{table.uid}.yaml": _yaml(perses.dashboard(table)) for table in DASHBOARDS}
    texts |= {f"rules/{name}.yaml": _yaml(rule_file(groups)) for name, groups in RULES.items()}
    return {FOLDER / name: text for name, text in texts.items()}


def leftovers(written: set[Path]) -> set[Path]:
    """Return the files in the folders of `written` that are not among them."""
    return {path for folder in {path.parent for path in written} for path in folder.glob("*")} - written


def _yaml(content: dict[str, Any]) -> str:
    return HEAD + yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)


class _Dumper(yaml.SafeDumper):
    """Writes a value that occurs twice twice: no anchors and aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Quote `y`, the key of a coordinate: a boolean for readers of YAML 1.1, such as Helm's."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if text == "y" else None)


_Dumper.add_representer(str, _text)
