"""
An API server of Kubernetes on loopback, over real HTTP: Jobs, pods and events with their versions, lists and watches.

It does what it is told to do wrong, and counts what it is asked.
"""

import asyncio
import json
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from tests.ports import free_port

NAMESPACE = "tests"
Object = dict[str, Any]
Happened = tuple[int, str, str, Object]
"""A version, the plural of a kind, what happened, and to what."""


@dataclass
class Watcher:
    """Somebody who watches."""

    plural: str
    selector: dict[str, str]
    transport: asyncio.Transport
    response: web.StreamResponse
    orders: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    """Lines to send; None: it is over."""
    stalled: bool = False
    cut_at: int = 0
    """The next event is sent up to this byte, and nothing more ever; 0: whole."""


class FakeApi:
    """The server; `objects` by plural and name."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Object]] = {"jobs": {}, "pods": {}, "events": {}}
        self.asked: Counter[str] = Counter()
        """How often: `list pods`, `create jobs` and so on."""
        self.queries: dict[str, list[dict[str, str]]] = {}
        self.tokens: list[str] = []
        """With which it was asked."""
        self.bodies: list[Object] = []
        """Of deletions."""
        self.answers: dict[str, deque[Callable[[], web.Response]]] = {}
        """What is answered instead, once each, in turn."""
        self.always: dict[str, Callable[[], web.Response]] = {}
        self.watchers: list[Watcher] = []
        self.stalls = False
        """Whether watches from now on say nothing."""
        self.lost_answers = 0
        """So many creations are carried out, and never answered."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when a client has changed something."""
        self.port = free_port()
        self._version = 100
        self._history: list[Happened] = []
        self._forgotten = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        app = web.Application()
        for group in ("apis/batch/v1", "api/v1"):
            many = f"/{group}/namespaces/{NAMESPACE}/{{plural}}"
            app.router.add_get(many, self._many)
            app.router.add_post(many, self._create)
            app.router.add_get(f"{many}/{{name}}", self._read)
            app.router.add_delete(f"{many}/{{name}}", self._delete)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        self.end_watches()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # What happens in the cluster.

    def put(self, plural: str, value: Object) -> Object:
        """Add it, or have it be so from now on."""
        name = value["metadata"]["name"]
        kind = "MODIFIED" if name in self.objects[plural] else "ADDED"
        self._version += 1
        value["metadata"]["resourceVersion"] = str(self._version)
        value["metadata"].setdefault("uid", f"uid-{self._version}")
        self.objects[plural][name] = value
        self._tell(plural, kind, value)
        return value

    def remove(self, plural: str, name: str) -> None:
        """It is gone."""
        value = self.objects[plural].pop(name)
        self._version += 1
        value["metadata"]["resourceVersion"] = str(self._version)
        self._tell(plural, "DELETED", value)

    def forget(self) -> None:
        """What has happened until now can't be watched any more."""
        self._forgotten = self._version

    # What goes wrong.

    def answer_next(self, deed: str, *answers: Callable[[], web.Response]) -> None:
        self.answers.setdefault(deed, deque()).extend(answers)

    def say(self, plural: str, line: bytes) -> None:
        """A line to all who watch."""
        for watcher in self._of(plural):
            watcher.orders.put_nowait(line)

    def bookmark(self, plural: str) -> None:
        """How far it is, though nothing has happened."""
        self._version += 1
        metadata = {"resourceVersion": str(self._version)}
        self.say(plural, _line("BOOKMARK", {"kind": plural, "metadata": metadata}))

    def say_error(self, plural: str, code: int, reason: str) -> None:
        self.say(
            plural,
            _line("ERROR", {"kind": "Status", "code": code, "reason": reason, "message": "too old resource version"}),
        )

    def end_watches(self) -> None:
        for watcher in self.watchers:
            watcher.orders.put_nowait(None)

    def break_watches(self) -> None:
        """Without a word, as when a machine is switched off that lies between."""
        for watcher in self.watchers:
            watcher.transport.abort()

    # How it answers.

    def _tell(self, plural: str, kind: str, value: Object) -> None:
        copy = json.loads(json.dumps(value))
        self._history.append((self._version, plural, kind, copy))
        for watcher in self._of(plural):
            if _matches(copy, watcher.selector):
                watcher.orders.put_nowait(_line(kind, copy))

    def _of(self, plural: str) -> list[Watcher]:
        return [watcher for watcher in self.watchers if watcher.plural == plural]

    def _instead(self, deed: str, request: web.Request) -> web.Response | None:
        self.asked[deed] += 1
        self.tokens.append(request.headers.get("Authorization", ""))
        self.queries.setdefault(deed, []).append(dict(request.query))
        waiting = self.answers.get(deed)
        if waiting:
            return waiting.popleft()()
        return self.always[deed]() if deed in self.always else None

    async def _many(self, request: web.Request) -> web.StreamResponse:
        plural = request.match_info["plural"]
        if request.query.get("watch") == "true":
            return await self._watch(request, plural)
        instead = self._instead(f"list {plural}", request)
        if instead is not None:
            return instead
        selector = _selector(request.query.get("labelSelector", ""))
        fields = _selector(request.query.get("fieldSelector", ""))
        found = [each for each in self.objects[plural].values() if _matches(each, selector) and _has(each, fields)]
        begin, limit = int(request.query.get("continue", 0)), int(request.query.get("limit", 500))
        metadata = {"resourceVersion": str(self._version)}
        if begin + limit < len(found):
            metadata["continue"] = str(begin + limit)
        return web.json_response({"metadata": metadata, "items": found[begin : begin + limit]})

    async def _watch(self, request: web.Request, plural: str) -> web.StreamResponse:
        instead = self._instead(f"watch {plural}", request)
        if instead is not None:
            return instead
        version = int(request.query["resourceVersion"])
        if version < self._forgotten:
            return status(410, "Expired", "too old resource version")()
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        assert request.transport is not None
        selector = _selector(request.query.get("labelSelector", ""))
        watcher = Watcher(plural, selector, request.transport, response, stalled=self.stalls)
        for at, kind_of, kind, value in self._history:
            if at > version and kind_of == plural and _matches(value, watcher.selector):
                watcher.orders.put_nowait(_line(kind, value))
        self.watchers.append(watcher)
        try:
            await self._serve(watcher)
        finally:
            self.watchers.remove(watcher)
        return response

    async def _serve(self, watcher: Watcher) -> None:
        while True:
            line = await watcher.orders.get()
            if line is None:
                return
            if watcher.stalled:
                continue
            if watcher.cut_at:
                await watcher.response.write(line[: watcher.cut_at])
                return
            await watcher.response.write(line)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        plural = request.match_info["plural"]
        instead = self._instead(f"create {plural}", request)
        if instead is not None:
            return instead
        value = await request.json()
        if value["metadata"]["name"] in self.objects[plural]:
            return status(409, "AlreadyExists", "it is there already")()
        self.put(plural, value)
        self.on_change()
        if self.lost_answers:
            self.lost_answers -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(value, status=201)

    async def _read(self, request: web.Request) -> web.StreamResponse:
        plural, name = request.match_info["plural"], request.match_info["name"]
        instead = self._instead(f"read {plural}", request)
        value = self.objects[plural].get(name)
        return instead or (web.json_response(value) if value is not None else status(404, "NotFound", "no such")())

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        """As with `Foreground`: it is there until what it has made is gone."""
        plural, name = request.match_info["plural"], request.match_info["name"]
        instead = self._instead(f"delete {plural}", request)
        if instead is not None:
            return instead
        body = await request.json()
        self.bodies.append(body)
        value = self.objects[plural].get(name)
        if value is None:
            return status(404, "NotFound", "no such")()
        if body["preconditions"]["uid"] != value["metadata"]["uid"]:
            return status(409, "Conflict", "it is another one")()
        value["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
        self.put(plural, value)
        self.on_change()
        return web.json_response(value)


def status(code: int, reason: str, message: str, **headers: str) -> Callable[[], web.Response]:
    """A refusal in the words of Kubernetes; `Retry_After` and the like are headers."""
    told = {"kind": "Status", "code": code, "reason": reason, "message": message}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: web.json_response(told, status=code, headers=named)


def _line(kind: str, value: Object) -> bytes:
    return json.dumps({"type": kind, "object": value}).encode() + b"\n"


def _selector(text: str) -> dict[str, str]:
    return dict(each.split("=", 1) for each in text.split(",") if each)


def _matches(value: Object, selector: dict[str, str]) -> bool:
    labels = value["metadata"].get("labels", {})
    return all(labels.get(key) == wanted for key, wanted in selector.items())


def _has(value: Object, fields: dict[str, str]) -> bool:
    """Whether an event has them."""
    for path, wanted in fields.items():
        found: Any = value
        for key in path.split("."):
            found = found.get(key, {})
        if found != wanted:
            return False
    return True
