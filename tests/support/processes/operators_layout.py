"""A directory laid out as the Python image of the OpenTelemetry Operator, for comparisons with it.

The requirements are those that the operator publishes (autoinstrumentation/python, August 2026), installed for
Python 3.14 as its Dockerfile does.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from support.processes.environments import uv

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SDK, CONTRIB = "1.44.0", "0.65b0"
INSTRUMENTATIONS = (
    "aio-pika", "aiohttp-client", "aiohttp-server", "aiokafka", "aiopg", "asgi", "asyncio", "asyncpg", "aws-lambda",
    "boto3sqs", "botocore", "cassandra", "celery", "click", "confluent-kafka", "dbapi", "django", "exceptions",
    "falcon", "fastapi", "flask", "grpc", "httpx", "jinja2", "kafka-python", "logging", "mysql", "mysqlclient",
    "pika", "psycopg", "psycopg2", "pymemcache", "pymongo", "pymssql", "pymysql", "pyramid", "redis", "remoulade",
    "requests", "sqlalchemy", "sqlite3", "starlette", "structlog", "system-metrics", "threading", "tornado",
    "tortoiseorm", "urllib", "urllib3", "wsgi",
)  # fmt: skip
REQUIREMENTS = (
    "urllib3<2.7.1",
    f"opentelemetry-distro=={CONTRIB}",
    f"opentelemetry-exporter-otlp-proto-http=={SDK}",
    f"opentelemetry-exporter-prometheus=={CONTRIB}",
    f"opentelemetry-propagator-b3=={SDK}",
    f"opentelemetry-propagator-jaeger=={SDK}",
    "opentelemetry-propagator-aws-xray==1.0.2",
    f"opentelemetry-propagator-ot-trace=={CONTRIB}",
    *(f"opentelemetry-instrumentation-{name}=={CONTRIB}" for name in INSTRUMENTATIONS),
)


def install_layout(directory: Path) -> None:
    """Install the requirements into a directory; NotInstalledError if that fails."""
    uv("pip", "install", "--target", str(directory), "--python-version", "3.14", *REQUIREMENTS)


def layout_path(directory: Path, own: Iterable[Path] = ()) -> str:
    """Return the PYTHONPATH that the operator's webhook writes around the one that a container has already."""
    auto = directory / "opentelemetry/instrumentation/auto_instrumentation"
    return os.pathsep.join(map(str, (auto, *own, directory)))
