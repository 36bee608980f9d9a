"""Static checks: the lock file, workflows, the Dockerfiles, and committed secrets."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import transient_settings
from support.paths import ROOT

from spanloom_local.stack import UVICORN

SCRIPTS = Path(sys.executable).parent
TRACKED = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")[:-1]
WORKFLOWS = {path.name: yaml.safe_load(path.read_text()) for path in (ROOT / ".github/workflows").iterdir()}
DOCKERFILES = [ROOT / "deploy/Dockerfile", ROOT / "deploy/Dockerfile.agent"]
LOCKED = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
BY_WORKFLOW = pytest.mark.parametrize("name", WORKFLOWS)
# Jobs with write access, and their purpose; all other jobs only read the code.
WRITES = {("release.yaml", "publish"): {"contents", "packages", "id-token"}}
# This detector reports the names of Secrets in charts.
NOISY = {"KeywordDetector"}


def jobs(name: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = WORKFLOWS[name]["jobs"]
    return found


@BY_WORKFLOW
def test_actions_are_pinned(name: str) -> None:
    """Every action is pinned by a commit hash, with the version in a comment."""
    uses = [step["uses"] for job in jobs(name).values() for step in job["steps"] if "uses" in step]
    assert [] == [action for action in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action)]
    text = (ROOT / ".github/workflows" / name).read_text()
    assert len(uses) == len(re.findall(r"uses: \S+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", text, re.MULTILINE))


@BY_WORKFLOW
def test_workflows_have_least_permissions(name: str) -> None:
    """A workflow has no permissions and a job only those it needs; no token stays in the checkout."""
    assert {} == WORKFLOWS[name]["permissions"]
    for job, does in jobs(name).items():
        assert WRITES.get((name, job), set()) == {key for key, value in does["permissions"].items() if value == "write"}
        checkouts = [step for step in does["steps"] if step.get("uses", "").startswith("actions/checkout@")]
        assert [False] * len(checkouts) == [step["with"]["persist-credentials"] for step in checkouts]
        assert "timeout-minutes" in does
    assert "pull_request_target" not in WORKFLOWS[name][True]  # YAML 1.1 reads the key `on` as True


@BY_WORKFLOW
def test_workflows_expand_no_expression_in_scripts(name: str) -> None:
    """No script contains an expression, in which a branch name or a title would become a command."""
    scripts = [step["run"] for job in jobs(name).values() for step in job["steps"] if "run" in step]
    assert [] == [script for script in scripts if "${{" in script]


@BY_WORKFLOW
def test_workflows_call_targets_that_exist(name: str) -> None:
    """Every make target that a workflow calls exists in the Makefile."""
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    scripts = "\n".join(step.get("run", "") for job in jobs(name).values() for step in job["steps"])
    called = {
        word
        for words in re.findall(r"^make ([a-z0-9 -]+?)(?: ARGS=.*)?$", scripts, re.MULTILINE)
        for word in words.split()
    }
    assert called <= targets


def test_every_locked_file_has_its_hash() -> None:
    """Every distribution in uv.lock has a SHA-256, from the public index or this workspace."""
    files = [file for package in LOCKED for file in [*package.get("wheels", []), *filter(None, [package.get("sdist")])]]
    assert files
    assert [] == [file["url"] for file in files if not re.fullmatch(r"sha256:[0-9a-f]{64}", file["hash"])]
    sources = {
        json.dumps(package["source"]) for package in LOCKED if not {"editable", "virtual"} & package["source"].keys()
    }
    assert {'{"registry": "https://pypi.org/simple"}'} == sources


def test_hadolint_accepts_the_dockerfiles() -> None:
    """hadolint, including shellcheck, reports nothing."""
    done = subprocess.run([SCRIPTS / "hadolint", *DOCKERFILES], capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stdout + done.stderr)


def test_the_dockerfiles_use_the_same_tools() -> None:
    """All images are built from one base image with one version of uv."""
    arguments = [re.findall(r"^ARG ((?:PYTHON|UV)=.*)$", path.read_text(), re.MULTILINE) for path in DOCKERFILES]
    assert [arguments[0]] * len(DOCKERFILES) == arguments
    assert 2 == len(arguments[0])


def test_images_limit_requests_as_the_demo_does() -> None:
    """Uvicorn has the same environment in the images as in the demo, which the other tests here attack."""
    assert {" ".join(f"{key}={value}" for key, value in UVICORN.items())} == set(
        re.findall(r"^ENV (UVICORN_.*)$", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)
    )


def test_no_secret_is_committed() -> None:
    """detect-secrets finds no secret outside the tests, whose canaries and example ids look like some."""
    kinds: dict[str, type] = get_mapping_from_secret_type_to_class()
    detectors = {kind.__name__ for kind in kinds.values()} - NOISY
    found = SecretsCollection(root=str(ROOT))
    with transient_settings({"plugins_used": [{"name": name} for name in sorted(detectors)]}):
        for path in TRACKED:
            if not path.startswith("tests/") and path != "uv.lock" and (ROOT / path).is_file():
                found.scan_file(path)
    assert {} == found.json()
