"""
An API server of Kubernetes, with objects as their JSON is.

Over kubernetes_asyncio: who we are and whom we trust is its matter, its generated models are not needed. It is an
extra, and large: only `cluster_access.py` leads here, when somebody has asked for it.
"""

import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from kubernetes_asyncio.client import ApiClient
from kubernetes_asyncio.config import ConfigException

from apibench.provider.api_fault import ApiRefusal, ApiSilent, WatchStalled
from apibench.provider.kind import EVENTS, MANAGER, Kind, Object, at

CALL_S = 5.0
"""How long a call may take."""
PAGE = 500
"""Objects of a list at once."""
MAX_SAID = 500
_ALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""A connection whose other end is gone is noticed within half a minute, also while nothing is to be said."""

Query = Mapping[str, str]


class KubernetesApi:
    """One namespace of it. All methods raise ApiFault, and nothing else that is not our fault."""

    def __init__(
        self,
        client: ApiClient,
        namespace: str,
        renew: Callable[[], Awaitable[None]] | None = None,
        call_s: float = CALL_S,
    ) -> None:
        """`renew` gets other credentials, when those there are do not hold any more."""
        self._client = client
        self._namespace = namespace
        self._renew = renew
        self._call_s = call_s

    @property
    def namespace(self) -> str:
        """Whose objects all are."""
        return self._namespace

    async def all_of(self, kind: Kind, selector: str) -> tuple[list[dict[str, Any]], str]:
        """All objects with those labels, and up to which version."""
        found: list[dict[str, Any]] = []
        query = {"labelSelector": selector, "limit": str(PAGE)}
        while True:
            page = await self._ask("GET", self._path(kind), query)
            try:
                found += page["items"]
                version, more = page["metadata"]["resourceVersion"], page["metadata"].get("continue")
            except (KeyError, TypeError, AttributeError) as error:
                raise ApiSilent("what it says is no list") from error
            if not more:
                return found, version
            query["continue"] = more

    async def events(self, kind: str, uid: str) -> list[dict[str, Any]]:
        """Warnings that others have given of one object lately."""
        selector = f"involvedObject.kind={kind},involvedObject.uid={uid},type=Warning"
        answer = await self._ask("GET", self._path(EVENTS), {"fieldSelector": selector})
        items = answer.get("items")
        if not isinstance(items, list):
            return []
        return [each for each in items if at(each, "source", "component") != MANAGER]

    async def create(self, kind: Kind, document: Object) -> None:
        """Make an object. A key that it does not know is refused: what is not understood has no effect otherwise."""
        query = {"fieldManager": MANAGER, "fieldValidation": "Strict"}
        await self._ask("POST", self._path(kind), query, document)

    async def read(self, kind: Kind, name: str) -> dict[str, Any]:
        """One object."""
        return await self._ask("GET", f"{self._path(kind)}/{name}")

    async def delete(self, kind: Kind, name: str, uid: str) -> None:
        """
        Delete an object, if it is still that one, and before it what it has made.

        Until the last of that is gone it is there to be seen: nothing is left behind that nobody knows of.
        """
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Foreground",
        }
        await self._ask("DELETE", f"{self._path(kind)}/{name}", body=options)

    @asynccontextmanager
    async def watch(
        self, kind: Kind, selector: str, version: str, last_s: int, silence_s: float
    ) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """
        What happens to such objects from a version on, event by event, for `last_s` seconds.

        Raises WatchStalled where nothing is said for `silence_s`.
        """
        query = {
            "allowWatchBookmarks": "true",
            "labelSelector": selector,
            "resourceVersion": version,
            "timeoutSeconds": str(last_s),
            "watch": "true",
        }
        limits = aiohttp.ClientTimeout(total=None, sock_connect=self._call_s, sock_read=silence_s)
        response = await self._answer("GET", self._path(kind), query, None, limits)
        try:
            _keep_alive(response)
            yield _events(response, silence_s)
        finally:
            response.close()  # in the middle of what it says: the connection is of no further use

    async def close(self) -> None:
        """Let go of all connections."""
        await self._client.close()

    def _path(self, kind: Kind) -> str:
        return f"{kind.group}/namespaces/{self._namespace}/{kind.plural}"

    async def _ask(
        self, method: str, path: str, query: Query | None = None, body: Object | None = None
    ) -> dict[str, Any]:
        limits = aiohttp.ClientTimeout(total=self._call_s)
        response = await self._answer(method, path, query or {}, body, limits)
        try:
            async with response:
                answer = json.loads(await response.read())
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise ApiSilent(_matter(error, self._call_s)) from error
        except ValueError as error:
            raise ApiSilent("what it says is no JSON") from error
        if not isinstance(answer, dict):
            raise ApiSilent("what it says is no object")
        return answer

    async def _answer(
        self, method: str, path: str, query: Query, body: Object | None, limits: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        """The beginning of an answer, if it is one of success."""
        headers = {"Accept": "application/json", "User-Agent": MANAGER}
        url = f"{self._client.configuration.host}/{path}"
        try:
            await self._client.update_params_for_auth(headers, [], ["BearerToken"])
            response: aiohttp.ClientResponse = await self._client.rest_client.request(
                method,
                url,
                query_params=query,
                headers=headers,
                body=body,
                _preload_content=False,
                _request_timeout=limits,
            )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise ApiSilent(_matter(error, limits.total or limits.sock_read or 0.0)) from error
        except ConfigException as error:
            raise ApiSilent(f"our credentials cannot be read: {error}") from error
        if response.ok:
            return response
        refusal = await self._refusal(response)
        if refusal.status == 401 and self._renew is not None:
            await self._renew()
        raise refusal

    async def _refusal(self, response: aiohttp.ClientResponse) -> ApiRefusal:
        try:
            async with response:
                data = await response.content.read(1 << 16)
        except (aiohttp.ClientError, OSError, TimeoutError):
            data = b""
        return refusal(response.status, data, response.headers.get("Retry-After", ""))


def refusal(status: int, data: bytes, retry_after: str = "") -> ApiRefusal:
    """What an answer means that is none of success. Kubernetes says it as a `Status`, what stands before it as text."""
    try:
        told = json.loads(data)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        return ApiRefusal(status, "", data.decode("utf-8", "replace").strip()[:MAX_SAID], _seconds(retry_after))
    details = told.get("details")
    wait = retry_after or (details.get("retryAfterSeconds") if isinstance(details, dict) else None)
    return ApiRefusal(status, str(told.get("reason") or ""), str(told.get("message") or "")[:MAX_SAID], _seconds(wait))


async def _events(response: aiohttp.ClientResponse, silence_s: float) -> AsyncIterator[dict[str, Any]]:
    while True:
        try:
            line = await response.content.readline()
        except TimeoutError as error:
            raise WatchStalled(f"a watch has said nothing for {silence_s:.0f} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ApiSilent(f"a watch has broken off: {_matter(error, silence_s)}") from error
        if not line:
            return
        if not line.endswith(b"\n"):
            raise ApiSilent("a watch has broken off in the middle of a line")
        try:
            event = json.loads(line)
        except ValueError as error:
            raise ApiSilent("what a watch says is no JSON") from error
        if not isinstance(event, dict):
            raise ApiSilent("what a watch says is no event")
        yield event


def _keep_alive(response: aiohttp.ClientResponse) -> None:
    transport = response.connection.transport if response.connection is not None else None
    connection = transport.get_extra_info("socket") if transport is not None else None
    if connection is None:
        return  # it is over already
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _ALIVE.items():
        if hasattr(socket, name):  # macOS has other names
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _seconds(text: object) -> float:
    """Of a Retry-After; 0 for a date, which Kubernetes does not say."""
    try:
        return max(float(str(text)), 0.0)
    except ValueError:
        return 0.0


def _matter(error: Exception, limit_s: float) -> str:
    if isinstance(error, TimeoutError):
        return f"it has said nothing within {limit_s:.0f} s"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno).lower()
    return str(error) or type(error).__name__
