"""The API server, as far as the operator speaks to it: read, list, watch, and one server-side apply.

kopf has no server-side apply and its watches take no selector, so this is a client of its own beside kopf's; both
log in the same way.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Protocol

import aiohttp
import kopf

from spanloom_operator.ownership import MANAGER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

PAGE = 100  # a page of metadata is garbage at once, but the process keeps the memory of the largest
# The server ends a watch after WATCH seconds; a connection on which nothing (not even a bookmark) was heard for
# SILENCE seconds is dead, although nobody has closed it.
WATCH, SILENCE, ANSWER = 240, 300, 60
TOKEN_AGE = 60
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
BAD_REQUEST, NOT_FOUND, CONFLICT, EXPIRED = 400, 404, 409, 410

Object = dict[str, Any]


class ApiError(Exception):
    """The API server refused, or could not be reached (`code` 0)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Api(Protocol):
    """What the operator needs of an API server. Paths are those of the REST API; every method raises ApiError."""

    async def get(self, path: str) -> Object | None:
        """Return the object, or None when there is none."""

    def pages(self, path: str, selector: str = "", *, metadata_only: bool = False) -> AsyncIterator[Object]:
        """List in pages; the last one's metadata holds the resourceVersion to watch from."""

    def watch(self, path: str, selector: str, version: str) -> AsyncIterator[Object]:
        """Yield events (type, object) after `version` until the server ends the watch."""

    async def apply(self, path: str, body: Object) -> Object:
        """Apply `body` as our field manager, without force, and return the whole object."""

    async def hand_over(self, path: str, fields: list[Object], version: str) -> Object:
        """Replace managedFields of an object that is still at `version`, and return the whole object."""

    async def merge(self, path: str, body: Object) -> Object:
        """Patch with a JSON merge patch, and return the whole object."""

    async def create(self, path: str, body: Object) -> None:
        """Create an object; one of the same name is as good."""


class Client:
    """`Api` over HTTP. Open it with `async with`; at most `connections` requests at a time, watches apart."""

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

    async def pages(self, path: str, selector: str = "", *, metadata_only: bool = False) -> AsyncIterator[Object]:
        """List in pages of 100."""
        params = {"limit": str(PAGE), "labelSelector": selector, "continue": ""}
        accept = {"Accept": METADATA_ONLY} if metadata_only else {}
        while True:
            page = await self._request("GET", path, params={k: v for k, v in params.items() if v}, headers=accept)
            yield page
            params["continue"] = page["metadata"].get("continue", "")
            if not params["continue"]:
                return

    async def watch(self, path: str, selector: str, version: str) -> AsyncIterator[Object]:
        """Yield events after `version`; bookmarks come about once a minute."""
        params = {"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true", "timeoutSeconds": str(WATCH)}
        params |= {"labelSelector": selector} if selector else {}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=ANSWER, sock_read=SILENCE)
        try:
            url, headers = self._server + path, self._authorized()
            async with self._watches.get(url, params=params, headers=headers, timeout=timeout) as response:
                await _checked(response)
                # An object of 1.5 MB (etcd's limit) is one line; readline() would give up at the buffer's size.
                async for line in _lines(response.content):
                    yield _event(line)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiError(0, f"{type(error).__name__}: {error}") from None

    async def apply(self, path: str, body: Object) -> Object:
        """Server-side apply, without force."""
        headers = {"Content-Type": "application/apply-patch+yaml"}
        return await self._request("PATCH", path, params={"fieldManager": MANAGER}, body=body, headers=headers)

    async def hand_over(self, path: str, fields: list[Object], version: str) -> Object:
        """Merge patch that fails with 409 when the object has changed since."""
        return await self.merge(path, {"metadata": {"managedFields": fields, "resourceVersion": version}})

    async def merge(self, path: str, body: Object) -> Object:
        """JSON merge patch."""
        headers = {"Content-Type": "application/merge-patch+json"}
        return await self._request("PATCH", path, params={"fieldManager": MANAGER}, body=body, headers=headers)

    async def create(self, path: str, body: Object) -> None:
        """Create; 409 is fine."""
        try:
            await self._request("POST", path, body=body, headers={"Content-Type": "application/json"})
        except ApiError as error:
            if error.code != CONFLICT:
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
        data = None if body is None else json.dumps(body).encode()
        timeout = aiohttp.ClientTimeout(total=ANSWER)
        try:
            async with self._requests.request(
                method,
                self._server + path,
                params=params,
                data=data,
                headers={**self._authorized(), **(headers or {})},
                timeout=timeout,
            ) as response:
                await _checked(response)
                answer: Object = await response.json()
                return answer
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiError(0, f"{type(error).__name__}: {error}") from None

    def _authorized(self) -> dict[str, str]:
        """Return the login's headers; a service account's token is replaced in its file every hour."""
        if time.monotonic() - self._login_at > TOKEN_AGE or not self._login_at:
            self._headers, self._login_at = login().as_http_headers(), time.monotonic()
        return self._headers


def login() -> kopf.ConnectionInfo:
    """Return the pod's service account, else KUBECONFIG's current context; kopf.LoginError when there is neither."""
    settings = kopf.OperatorSettings()
    info = kopf.login_with_service_account(settings=settings) or kopf.login_with_kubeconfig(settings=settings)
    if info is None:
        raise kopf.LoginError("no service account and no kubeconfig: set KUBECONFIG")
    return info


def _event(line: bytes) -> Object:
    event: Object = json.loads(line)
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


async def _checked(response: aiohttp.ClientResponse) -> None:
    if response.status >= BAD_REQUEST:
        text = await response.text()
        raise ApiError(response.status, _message(text))


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:200]
