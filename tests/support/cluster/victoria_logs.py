"""Queries of VictoriaLogs' HTTP API."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen


def records(url: str, query: str) -> list[dict[str, Any]]:
    """Return the records that a LogsQL query finds, in no order."""
    form = urlencode({"query": query}).encode()
    with urlopen(f"{url}/select/logsql/query", form, timeout=60) as response:
        return [json.loads(line) for line in response]


def records_of_trace(url: str, trace_id: str) -> list[dict[str, Any]]:
    return records(url, f'trace_id:="{trace_id}"')


def messages(url: str, service: str) -> list[str]:
    """Return the message of every record of a service; one that is stored twice is in the list twice."""
    return [record["_msg"] for record in records(url, f'service.name:="{service}" | fields _msg')]
