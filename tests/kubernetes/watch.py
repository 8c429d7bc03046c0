"""All objects of a kind, heard of as they change."""

import threading
from collections.abc import Callable

import httpx
from tests.kubernetes.api import Api, Object, Refused

AGAIN_S = 0.2
Hear = Callable[[str, Object], None]
"""Is told what has happened, `ADDED`, `MODIFIED` or `DELETED`, and to what."""


class Watch:
    """On a thread of its own. What it was told of before it may hear again as `ADDED`; nothing goes unsaid."""

    def __init__(self, api: Api, path: str, hear: Hear) -> None:
        self._api = api
        self._path = path
        self._hear = hear
        self._there: dict[str, Object] = {}
        """What is there, by uid, as far as was heard."""
        self._closing = threading.Event()
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"watch of {path}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Hear no more. Raises what has ended it before."""
        self._closing.set()
        if self._fault is not None:
            raise self._fault

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                try:
                    self._follow()
                except (httpx.TransportError, Refused):
                    self._closing.wait(AGAIN_S)
        except BaseException as fault:  # noqa: BLE001 - it is the test's, and raised there
            self._fault = fault

    def _follow(self) -> None:
        answer = self._api.ask("GET", self._path)
        for uid in self._there.keys() - {each["metadata"]["uid"] for each in answer["items"]}:
            self._tell("DELETED", self._there[uid])  # while nobody listened
        for each in answer["items"]:
            self._tell("ADDED", each)
        for event in self._api.watch(self._path, answer["metadata"]["resourceVersion"]):
            if event["type"] == "ERROR" or self._closing.is_set():
                return
            if event["type"] != "BOOKMARK":
                self._tell(event["type"], event["object"])

    def _tell(self, kind: str, document: Object) -> None:
        uid = document["metadata"]["uid"]
        if kind == "DELETED":
            self._there.pop(uid, None)
        else:
            self._there[uid] = document
        self._hear(kind, document)
