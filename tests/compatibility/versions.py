"""The versions of libraries that the distribution is tried with: the lowest, the newest, and those between that differ.

tests/compatibility/lock pins an environment for each; docs/compatibility.md is generated from here.
"""

from __future__ import annotations

from typing import NamedTuple


class Version(NamedTuple):
    """One version of a library; `needs` are the requirements of its environment, `why` says what is new in it."""

    library: str
    version: str
    needs: tuple[str, ...]
    why: str = ""

    @property
    def environment(self) -> str:
        """The name of its environment."""
        return f"{self.library}-{self.version}".lower()


def _fastapi(version: str, *needs: str, why: str = "") -> Version:
    return Version("fastapi", version, (f"fastapi=={version}", "uvicorn", "httptools", *needs), why)


def _starlette(version: str, *needs: str, why: str = "") -> Version:
    return Version("starlette", version, (f"starlette=={version}", "uvicorn", "websockets", *needs), why)


def _sdk(version: str, contrib: str, why: str = "") -> Version:
    needs = (
        f"opentelemetry-sdk=={version}", f"opentelemetry-instrumentation=={contrib}",
        "fastapi", "uvicorn", "sqlalchemy", "aiohttp",
    )  # fmt: skip
    return Version("opentelemetry", version, needs, why)


def _sqlalchemy(version: str, *needs: str, why: str = "") -> Version:
    return Version("sqlalchemy", version, (f"sqlalchemy=={version}", "fastapi", "uvicorn", *needs), why)


def _aiohttp(version: str) -> Version:
    return Version("aiohttp", version, (f"aiohttp=={version}", "fastapi", "uvicorn"))


VERSIONS = (
    _fastapi("0.79.0", "pydantic<2", why="the lowest that is tried"),
    _fastapi("0.95.2", "pydantic<2", why="the last without pydantic 2"),
    _fastapi("0.100.0"),
    _fastapi("0.115.0"),
    _fastapi("0.128.0"),
    _fastapi("0.136.3", why="the last whose routes hold their prefixes"),
    _fastapi("0.137.0"),
    _fastapi("0.165.0"),
    _starlette("0.20.4"),
    _starlette("0.37.2"),
    _starlette("0.52.1"),
    _starlette("1.0.0"),
    _starlette("1.10.0"),
    _sdk("1.37.0", "0.58b0", why="the lowest that is allowed"),
    _sdk("1.40.0", "0.61b0"),
    _sdk("1.42.1", "0.63b1"),
    _sdk("1.44.0", "0.65b0"),
    _sdk("1.45.1", "0.66b1"),
    _sdk("1.45.2", "0.66b2", why="the newest that is allowed"),
    _sqlalchemy("1.4.54"),
    _sqlalchemy("2.0.0"),
    _sqlalchemy("2.0.50"),
    _sqlalchemy("2.1.9"),
    _aiohttp("3.9.0"),
    _aiohttp("3.14.5"),
)

NEWEST = (
    "aiohttp", "asyncpg", "celery", "daphne", "django", "fastapi", "flask", "gevent", "granian", "gunicorn", "httpx",
    "hypercorn", "pex", "psycopg[binary]", "psycopg-pool", "requests", "sqlalchemy[asyncio]", "uvicorn[standard]",
    "uvicorn-worker",
    "opentelemetry-instrumentation-asyncpg", "opentelemetry-instrumentation-celery",
    "opentelemetry-instrumentation-django", "opentelemetry-instrumentation-flask",
    "opentelemetry-instrumentation-psycopg", "opentelemetry-instrumentation-requests",
)  # fmt: skip
"""What the applications use, in the newest versions, beside the instrumentations of OpenTelemetry's contrib."""

PLATFORMS = (
    ("CPython", "3.11 to 3.15", "`make test` on each in the workflow `test`"),
    ("Linux", "amd64", "the images are built for amd64; the packages are pure Python and not bound to it"),
    ("Kubernetes", "1.30 and later", "`make e2e` on 1.34"),
    ("Helm", "3.8 and later, 4", "`tests/charts` renders every chart with both"),
)
"""Platform, versions, and how they are tried."""


class AgentEnvironment(NamedTuple):
    """An environment without OpenTelemetry of ours; `python` is a version, `needs` what its application pins."""

    python: str
    needs: tuple[str, ...]


_SHOP = ("flask", "requests")
AGENT = {
    "agent-old-pins": AgentEnvironment(
        "3.9",
        ("flask", "requests==2.20.0", "urllib3==1.24.3", "protobuf==3.20.3", "typing_extensions==4.0.0",
         "wrapt==1.10.11", "packaging==20.0", "psutil==5.9.0"),
    ),
    "agent-python-3.10": AgentEnvironment("3.10", (*_SHOP, "urllib3==1.26.20", "protobuf==4.25.8", "wrapt==1.14.0")),
    "agent-opentelemetry-1.9": AgentEnvironment("3.11", (*_SHOP, "opentelemetry-api==1.9.0", "setuptools<81")),
    "agent-opentelemetry-sdk-1.27": AgentEnvironment("3.11", (*_SHOP, "opentelemetry-sdk==1.27.0")),
    "agent-python-3.12": AgentEnvironment("3.12", (*_SHOP, "opentelemetry-sdk", "protobuf==5.29.5", "psutil")),
    "agent-newest": AgentEnvironment(
        "3.13", (*_SHOP, "opentelemetry-sdk", "protobuf", "typing_extensions", "wrapt", "packaging", "psutil")
    ),
    "agent-others": AgentEnvironment("3.11", (*_SHOP, "ddtrace", "newrelic", "sentry-sdk", "elastic-apm")),
    "agent-gevent": AgentEnvironment("3.11", (*_SHOP, "gevent", "gunicorn", "packaging")),
    "agent-uwsgi": AgentEnvironment("3.11", (*_SHOP, "fastapi", "pyuwsgi", "sqlalchemy")),
}  # fmt: skip
"""Environments that the agent is tried in: what other agents break by packages of their own."""

ENVIRONMENTS = {"newest": NEWEST, **{version.environment: version.needs for version in VERSIONS}}
"""Requirements of each environment by its name."""
