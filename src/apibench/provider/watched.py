"""
All objects of one kind that have certain labels, kept up to date: listed once, and watched from there on.

Whatever breaks, it goes on: what the server has forgotten is listed again, who says nothing is left, and between two
tries there is a pause that grows. What was known stays known meanwhile, and it is said that it is old.
"""

import asyncio
import logging
import random
from typing import TYPE_CHECKING

from apibench.provider.api_fault import ApiFault, ApiRefusal, ApiSilent, WatchStalled
from apibench.provider.backoff import Backoff
from apibench.provider.kind import Kind, Object, name_of
from apibench.provider.patience import Patience

if TYPE_CHECKING:
    from apibench.provider.kubernetes_api import KubernetesApi

logger = logging.getLogger(__name__)
_CHANCE = random.SystemRandom()


class Watched:
    """Those objects, by name."""

    def __init__(self, api: "KubernetesApi", kind: Kind, selector: str, patience: Patience) -> None:
        self.objects: dict[str, Object] = {}
        """As they were last heard of."""
        self.listed = False
        """Whether they were ever heard of."""
        self._api = api
        self._kind = kind
        self._selector = selector
        self._patience = patience
        self._backoff = Backoff(patience.first_pause_s, patience.longest_pause_s)
        self._version = ""
        """Up to which all is known; empty: it has to be listed."""
        self._fault = ""
        self._old_since_s: float | None = None
        self._keeping: asyncio.Task[None] | None = None

    @property
    def trouble(self) -> str:
        """Why what is known is old, in words; empty: it is not, or no older than one bears."""
        if self._old_since_s is None or not self._fault:
            return ""
        age_s = asyncio.get_running_loop().time() - self._old_since_s
        if not self.listed:
            return self._fault
        return f"{self._fault} (what is known is {age_s:.0f} s old)" if age_s >= self._patience.bear_s else ""

    @property
    def is_old(self) -> bool:
        """Whether the server has not been heard since it was last lost."""
        return self._old_since_s is not None

    def start(self) -> None:
        """Begin, if it was not begun. Raises what is our own fault and has ended it."""
        if self._keeping is None:
            self._old_since_s = asyncio.get_running_loop().time()
            self._keeping = asyncio.create_task(self._keep())
        elif self._keeping.done():
            self._keeping.result()

    async def close(self) -> None:
        """Watch no more."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            asked_s = 0.0
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except ApiFault as fault:
                self._lost(fault)
                asked_s = fault.retry_after_s
            # After a watch that ended as it should, too: a server that ends each at once is not asked all the time.
            await asyncio.sleep(self._backoff.next_s(asked_s))

    async def _list(self) -> None:
        items, version = await self._api.all_of(self._kind, self._selector)
        try:
            self.objects = {name_of(each): _lean(each) for each in items}
        except (KeyError, TypeError) as error:
            raise ApiSilent("what it lists is no object") from error
        self._version = version
        self.listed = True

    async def _watch(self) -> None:
        last_s = _CHANCE.randint(*self._patience.watch_s)
        loop = asyncio.get_running_loop()
        async with self._api.watch(
            self._kind, self._selector, self._version, last_s, self._patience.silence_s
        ) as events:
            began_s = loop.time()
            self._found()
            try:
                async for event in events:
                    self._hear(event)
            finally:
                if loop.time() - began_s >= self._patience.calm_s:
                    self._backoff.reset()

    def _hear(self, event: Object) -> None:
        kind, value = event.get("type"), event.get("object")
        if kind == "ERROR":
            self._version = ""  # the server does not say what was missed
            raise _refusal_in(value)
        if not isinstance(value, dict):
            value = {}  # which has no version
        try:
            version = str(value["metadata"]["resourceVersion"])
            if kind in ("ADDED", "MODIFIED"):
                self.objects[name_of(value)] = _lean(value)
            elif kind == "DELETED":
                self.objects.pop(name_of(value), None)
        except (KeyError, TypeError) as error:
            self._version = ""
            raise ApiSilent("what a watch says is no event") from error
        self._version = version

    def _lost(self, fault: ApiFault) -> None:
        if isinstance(fault, WatchStalled) or (isinstance(fault, ApiRefusal) and _forgets(fault.status)):
            self._version = ""
        if self._old_since_s is None:
            self._old_since_s = asyncio.get_running_loop().time()
        if str(fault) != self._fault:
            self._fault = str(fault)
            logger.warning("%s cannot be watched: %s", self._kind.plural, fault)

    def _found(self) -> None:
        if self._fault:
            logger.info("%s are watched again", self._kind.plural)
        self._fault, self._old_since_s = "", None


def _forgets(status: int) -> bool:
    """Whether a server that says so can't go on from a version of before. One that has too much to do still can."""
    return status < 500 and status != 429


def _lean(value: Object) -> Object:
    """Without the book of who has written what: it is half of a pod, and nobody here reads it."""
    metadata = {key: each for key, each in value["metadata"].items() if key != "managedFields"}
    return {**value, "metadata": metadata}


def _refusal_in(status: object) -> ApiRefusal:
    told = status if isinstance(status, dict) else {}
    code = told.get("code")
    details = told.get("details")
    wait = details.get("retryAfterSeconds") if isinstance(details, dict) else 0
    return ApiRefusal(
        code if isinstance(code, int) else 500,
        str(told.get("reason") or ""),
        str(told.get("message") or ""),
        float(wait) if isinstance(wait, int | float) else 0.0,
    )
