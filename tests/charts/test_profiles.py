"""The operator accepts every OtelProfile that the charts render."""

from __future__ import annotations

import pytest
from charts.rendering import Case, cases, of_kind

from spanloom_operator.profiles.model import Profile
from spanloom_operator.profiles.reader import read
from spanloom_operator.profiles.rules import Rules
from spanloom_operator.settings import Settings

WITH_PROFILES = [case for case in cases() if case.chart in ("users", "operator", "spanloom")]


@pytest.mark.parametrize("case", WITH_PROFILES, ids=str)
def test_the_operator_accepts_every_profile(case: Case) -> None:
    """A profile is valid with the settings of the operator of its case, or with every endpoint allowed."""
    for item in of_kind(case, "OtelProfile"):
        assert isinstance(read(item["spec"], _rules(case)), Profile)


def test_the_table_has_profiles() -> None:
    """Some cases render a profile of their own, some that of the operator, some both."""
    names = {item["metadata"]["name"] for case in WITH_PROFILES for item in of_kind(case, "OtelProfile")}
    assert {"default", "demo-users"} == names


@pytest.mark.parametrize("case", [case for case in WITH_PROFILES if case.chart == "spanloom"], ids=str)
def test_certificates_are_mounted_where_a_profile_names_them(case: Case) -> None:
    """Both services mount the directory of each file in `exporter.tls`, and each mount is used."""
    mounts = {
        mount["mountPath"]
        for deployment in of_kind(case, "Deployment")
        if deployment["metadata"]["name"].startswith("demo-users")
        for container in deployment["spec"]["template"]["spec"]["containers"]
        for mount in container["volumeMounts"]
        if mount["mountPath"].startswith("/etc/telemetry")
    }
    files = {
        path
        for item in of_kind(case, "OtelProfile")
        for path in item["spec"].get("exporter", {}).get("tls", {}).values()
    }
    assert mounts == {path.rpartition("/")[0] for path in files}


def _rules(case: Case) -> Rules:
    """Return the allow-list of the rendered operator; without an operator, every endpoint."""
    variables = [
        {variable["name"]: variable.get("value", "spanloom") for variable in container["env"]}
        for deployment in of_kind(case, "Deployment")
        if deployment["metadata"]["labels"]["app.kubernetes.io/name"] == "operator"
        for container in deployment["spec"]["template"]["spec"]["containers"]
        if container["name"] == "operator"
    ]
    return Settings.from_environ(variables[0]).rules if variables else Rules(endpoints=("*",))
