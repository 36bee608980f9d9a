"""`Api` over HTTP.

kopf has no server-side apply and its watches take no selector, so this client stands beside kopf's; both log in the
same way.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import aiohttp
import kopf
import yaml
from pydantic_core import from_json, to_json

from spanloom_operator.kube.api import BAD_REQUEST, CONFLICT, FIELD_MANAGER_CONFLICT, NOT_FOUND, ApiError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from spanloom_operator.kube.api import Object

PAGE_SIZE = 100  # a page of metadata is garbage at once, but the process keeps the memory of the largest
WATCH_SECONDS = 240
"""The server ends a watch after this time."""
SILENCE_SECONDS = 300
"""A watch without any byte, not even a bookmark, for this time is dead although no side has closed it."""
RESPONSE_SECONDS = 60
"""Timeout of a request."""
TOKEN_SECONDS = 60
"""The service account's token is read again after this time: its file is replaced every hour."""
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
WATCH_METADATA = {"Accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}


class Client:
    """Open it with `async with`; at most `connections` requests at a time, watches not counted."""

    def __init__(self, connections: int = 8) -> None:
        self._limit = connections
        self._login_at = 0.0
        self._headers: dict[str, str] = {}

    async def __aenter__(self) -> Client:
        info = login()
        tls = info.as_ssl_context()
        self._server = (info.server or "").rstrip("/")
        self._requests = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=self._limit, ssl=tls))
        self._watches = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, ssl=tls), read_bufsize=2**20)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._requests.close()
        await self._watches.close()

    async def get(self, path: str) -> Object | None:
        """Return the object, or None when there is none."""
        try:
            return await self._request("GET", path)
        except ApiError as error:
            if error.code == NOT_FOUND:
                return None
            raise

    async def pages(
        self, path: str, selector: str = "", *, field_selector: str = "", metadata_only: bool = False
    ) -> AsyncIterator[Object]:
        """List in pages of PAGE_SIZE."""
        params = {"limit": str(PAGE_SIZE), "labelSelector": selector, "fieldSelector": field_selector, "continue": ""}
        accept = {"Accept": METADATA_ONLY} if metadata_only else {}
        while True:
            page = await self._request("GET", path, params={k: v for k, v in params.items() if v}, headers=accept)
            yield {**page, "items": page.get("items") or []}  # an empty list of metadata is null
            params["continue"] = page["metadata"].get("continue", "")
            if not params["continue"]:
                return

    async def watch(
        self, path: str, selector: str, version: str, *, metadata_only: bool = False
    ) -> AsyncIterator[Object]:
        """Yield events after `version`; bookmarks come about once a minute."""
        params = {"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true"}
        params |= {"timeoutSeconds": str(WATCH_SECONDS)} | ({"labelSelector": selector} if selector else {})
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=RESPONSE_SECONDS, sock_read=SILENCE_SECONDS)
        try:
            url, headers = self._server + path, self._authorized() | (WATCH_METADATA if metadata_only else {})
            async with self._watches.get(url, params=params, headers=headers, timeout=timeout) as response:
                await _raise_for_status(response)
                # An object of 1.5 MB (etcd's limit) is one line; readline() would give up at the buffer's size.
                async for line in _lines(response.content):
                    yield _event(line)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unreachable(error) from None

    async def apply(
        self, path: str, body: Object, manager: str, *, force: bool = False, dry_run: bool = False
    ) -> Object:
        """Server-side apply."""
        headers = {"Content-Type": "application/apply-patch+yaml"}
        params = {"fieldManager": manager} | ({"force": "true"} if force else {})
        params |= {"dryRun": "All"} if dry_run else {}
        return await self._request("PATCH", path, params=params, body=body, headers=headers)

    async def merge(self, path: str, body: Object) -> Object:
        """JSON merge patch; with `metadata.resourceVersion`, 409 when the object has changed since."""
        return await self._request("PATCH", path, body=body, headers={"Content-Type": "application/merge-patch+json"})

    async def create(self, path: str, body: Object) -> bool:
        """Create; False when one of the same name exists."""
        try:
            await self._request("POST", path, body=body, headers={"Content-Type": "application/json"})
        except ApiError as error:
            if error.code != CONFLICT:
                raise
            return False
        return True

    async def delete(self, path: str) -> None:
        """Delete; one that does not exist is as good."""
        try:
            await self._request("DELETE", path)
        except ApiError as error:
            if error.code != NOT_FOUND:
                raise

    async def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Object | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Object:
        data = None if body is None else to_json(body)
        sent = {**self._authorized(), **(headers or {})}
        timeout = aiohttp.ClientTimeout(total=RESPONSE_SECONDS)
        url = self._server + path
        try:
            async with self._requests.request(
                method, url, params=params, data=data, headers=sent, timeout=timeout
            ) as response:
                await _raise_for_status(response)
                return _decoded(path, await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unreachable(error) from None

    def _authorized(self) -> dict[str, str]:
        if time.monotonic() - self._login_at > TOKEN_SECONDS or not self._login_at:
            self._headers, self._login_at = login().as_http_headers(), time.monotonic()
        return self._headers


def login() -> kopf.ConnectionInfo:
    """Return the pod's service account, else KUBECONFIG's current context; kopf.LoginError when there is neither."""
    settings = kopf.OperatorSettings()
    info = kopf.login_with_service_account(settings=settings) or _login_with_kubeconfig(settings)
    if info is None:
        raise kopf.LoginError("no service account and no kubeconfig: set KUBECONFIG")
    return info


def _login_with_kubeconfig(settings: kopf.OperatorSettings) -> kopf.ConnectionInfo | None:
    """Return the connection of the kubeconfig; kopf.LoginError with the file or the entry that is missing."""
    try:
        return kopf.login_with_kubeconfig(settings=settings)
    except OSError as error:
        raise kopf.LoginError(f"kubeconfig {error.filename}: {error.strerror}; set KUBECONFIG") from None
    except KeyError as error:
        raise kopf.LoginError(f"kubeconfig: no entry {error}") from None
    except yaml.YAMLError:
        raise kopf.LoginError("kubeconfig: not YAML") from None


def _decoded(path: str, body: bytes) -> Object:
    try:
        response: Object = from_json(body)
    except ValueError:
        raise ApiError(0, f"the response to {path} is not JSON: is this address the API server's?") from None
    return response


def _event(line: bytes) -> Object:
    event: Object = from_json(line)
    if event["type"] == "ERROR":
        raise ApiError(int(event["object"].get("code", 0)), str(event["object"].get("message")))
    return event


async def _lines(stream: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    rest = bytearray()
    async for chunk in stream.iter_any():
        *whole, tail = chunk.split(b"\n")
        for piece in whole:
            yield bytes(rest) + piece
            rest.clear()
        rest += tail


async def _raise_for_status(response: aiohttp.ClientResponse) -> None:
    if response.status >= BAD_REQUEST:
        raise _refusal(response.status, await response.text())


def _refusal(code: int, text: str) -> ApiError:
    try:
        status: Any = from_json(text)
        causes = (status.get("details") or {}).get("causes") or ()
        is_conflict = any(cause.get("reason") == FIELD_MANAGER_CONFLICT for cause in causes)
        return ApiError(code, str(status["message"]), is_field_conflict=is_conflict)
    except (ValueError, KeyError, TypeError, AttributeError):
        return ApiError(code, text[:200])


def _unreachable(error: Exception) -> ApiError:
    return ApiError(0, f"the API server is not reachable: {type(error).__name__}: {error}")
