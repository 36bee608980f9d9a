"""The services connect to the database that the chart postgres creates or names, or to one that the user chose."""

from __future__ import annotations

import pytest
from charts.rendering import HELM, template

EXTERNAL = "postgres.mode=external,postgres.external.host=db.example.org,postgres.existingSecret=db"
OUTSIDE = "users.database.host=db.example.org,users.database.existingSecret=db"
TLS = "users.database.sslmode=verify-full,users.database.caSecret=ca"
CNPG = "users.database.host=demo-postgres-rw,users.database.existingSecret=demo-postgres-app"
GIVEN = "postgres.existingSecret=db"
ANYWHERE = "users.networkPolicy.database[0].ipBlock.cidr=10.0.0.0/8"
NOT_READY = {
    "another Secret": (GIVEN, "set users.database.existingSecret=db"),
    "another server": (EXTERNAL, "set users.database.host=db.example.org"),
    "the password of another server": (EXTERNAL, "set users.database.existingSecret=db"),
    "no TLS to another server": (
        f"{EXTERNAL},{OUTSIDE}",
        "set users.database.sslmode=verify-full,users.database.caSecret=CA",
    ),
    "another port": (f"{EXTERNAL},{OUTSIDE},{TLS},postgres.external.port=6432", "set users.database.port=6432"),
    "a closed network": (f"{EXTERNAL},{OUTSIDE},{TLS}", "set users.networkPolicy.database"),
    "a closed network without the chart": (f"postgres.enabled=false,{OUTSIDE}", "set users.networkPolicy.database"),
    "a server in another namespace": (
        "postgres.enabled=false,users.database.host=db.data.svc,users.database.existingSecret=db",
        "set users.networkPolicy.database",
    ),
    "the Service of CloudNativePG": ("postgres.mode=cnpg", "set users.database.host=demo-postgres-rw"),
    "the Secret of CloudNativePG": ("postgres.mode=cnpg", "set users.database.existingSecret=demo-postgres-app"),
    "what CloudNativePG would have": (f"{GIVEN},{CNPG}", "set users.database.host=demo-postgres"),
    "a renamed server": (f"{GIVEN},postgres.fullnameOverride=db", "set users.database.host=db"),
    "a renamed database": (f"{GIVEN},postgres.database=shop", "set users.database.name=shop"),
    "a renamed role": (f"{GIVEN},postgres.username=shop", "set users.database.username=shop"),
    "a server with TLS": (
        f"{GIVEN},postgres.tls.existingSecret=db-tls",
        "set users.database.sslmode=verify-full,users.database.caSecret=db-tls",
    ),
}
"""What the services lack: values of the chart, and the end of the line that refuses them."""
READY = {
    "the Secret of both": f"{GIVEN},users.database.existingSecret=db",
    "a Secret without the superuser's password": f"{GIVEN},users.database.existingSecret=services",
    "another server": f"{EXTERNAL},{OUTSIDE},{TLS},{ANYWHERE}",
    "CloudNativePG": f"postgres.mode=cnpg,{CNPG},{TLS}",
    "a connection pool": f"postgres.mode=cnpg,{CNPG},{TLS},users.database.host=demo-pooler.spanloom.svc",
    "a server without the chart": f"postgres.enabled=false,{OUTSIDE},{TLS},{ANYWHERE}",
    "a server of the same namespace": f"postgres.enabled=false,{OUTSIDE},users.database.host=db",
    "a proxy in the pod": f"postgres.enabled=false,{OUTSIDE},users.database.host=127.0.0.1",
    "no services": f"users.enabled=false,{GIVEN}",
}


@pytest.mark.parametrize("lack", NOT_READY)
def test_a_database_that_the_services_cannot_reach_is_refused(lack: str) -> None:
    """One line names the value of the services that contradicts the database, and what to set."""
    values, remedy = NOT_READY[lack]
    done = template(HELM / "spanloom", f"--set={values}")

    assert done.returncode != 0
    assert [line for line in done.stderr.splitlines() if line.startswith("- users.") and remedy in line], done.stderr


@pytest.mark.parametrize("choice", READY)
def test_a_database_that_the_services_reach_is_accepted(choice: str) -> None:
    """The settings of a mode, and a user's own server, pool or Secret, render."""
    done = template(HELM / "spanloom", f"--set={READY[choice]}")

    assert 0 == done.returncode, done.stderr
