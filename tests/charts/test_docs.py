"""What charts refuse, and what docs/troubleshooting.md quotes of it; the commands of docs/install.md that render."""

from __future__ import annotations

import pytest
from charts.rendering import HELM, template
from support.builders.pages import is_printed, quoted_lines

REFUSED = {
    "postgres requires existingSecret": ["--set=jaeger.enabled=true"],
    "the password is in spanloom-database": ["--set=postgres.existingSecret=spanloom-database"],
    "additional properties 'jager'": ["--set=postgres.existingSecret=database,jager.enabled=false"],
    "is the Jaeger of this release": ["--set=postgres.existingSecret=database,jaeger.enabled=false"],
}
DATABASE = "postgres.existingSecret=database,users.database.existingSecret=database"
LINES = quoted_lines("docs/troubleshooting.md")
INSTALLATION = {
    "OpenShift": ["--set=global.openshift=true"],
    "a mirror": ["--set=global.imageRegistry=mirror.example.org,global.imagePullSecrets={mirror}"],
    "an operator of some namespaces": ["--set=operator.namespaces={demo,shop}"],
    "registries without packaging": [
        "--set=users.services.users-api.image.registry=r,users.services.users-db-service.image.registry=r",
        "--set=operator.image.registry=r",
    ],
    "classes of volumes": [
        "--set=postgres.volume.storageClass=fast,otel-collector.queue.volume.storageClass=fast",
        "--set=jaeger.storage.type=badger,jaeger.storage.volume.storageClass=fast",
    ],
}


@pytest.mark.parametrize("part", REFUSED)
def test_a_quoted_refusal_is_what_helm_prints(part: str) -> None:
    """The values that the entry describes are refused with the quoted line."""
    [quoted] = [line for line in LINES if part in line]
    done = template(HELM / "spanloom", *REFUSED[part])

    assert done.returncode != 0
    assert is_printed(quoted, done.stderr), done.stderr


@pytest.mark.parametrize("values", INSTALLATION.values(), ids=INSTALLATION)
def test_the_values_of_the_installation_page_are_accepted(values: list[str]) -> None:
    """Every value that docs/install.md and docs/troubleshooting.md name exists."""
    done = template(HELM / "spanloom", f"--set={DATABASE}", *values)

    assert 0 == done.returncode, done.stderr
