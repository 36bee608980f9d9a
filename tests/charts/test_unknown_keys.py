"""Every chart refuses keys of values that it does not know."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from charts.rendering import HELM, charts, template


def _unknown_keys(values: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return a path to an unknown key in every object of `values`, at every depth."""
    deeper = [_unknown_keys(v, (*path, key)) for key, v in values.items() if isinstance(v, dict)]
    return [(*path, "unkown"), *(found for paths in deeper for found in paths)]


def _free(path: tuple[str, ...]) -> bool:
    """Return whether these keys are defined by Kubernetes, a program, another chart (global) or the user."""
    return bool(FREE & set(path))


FREE = {"requests", "limits", "parameters", "annotations", "env", "profile", "global", "config", "spec"}
FREE |= {"podAnnotations", "podLabels", "synchronous", "backup", "headers", "flags"}


@pytest.mark.parametrize("chart", charts())
def test_unknown_keys_are_refused(chart: str) -> None:
    """A misspelt value is refused and named, at every level of values.yaml."""
    values = yaml.safe_load((HELM / chart / "values.yaml").read_text())
    for path in filter(lambda path: not _free(path), _unknown_keys(values)):
        nested: Any = True
        for key in reversed(path):
            nested = {key: nested}
        done = template(HELM / chart, f"--set-json={path[0]}={json.dumps(nested[path[0]])}")
        assert done.returncode != 0, f"{'.'.join(path)} was accepted"
        assert "unkown" in done.stderr
