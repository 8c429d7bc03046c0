"""Numbers for parts: each of a stretch, region and worker gets the next one, whoever wrote those before."""

from collections import OrderedDict

from apibench.model.metric import PartQuery
from apibench.store.results import ResultStore

REMEMBERED = 20_000

_Key = tuple[int, int, str, str]


class PartNumbers:
    """Of one run."""

    def __init__(self, store: ResultStore, run_id: str) -> None:
        self.stored_until_ns = 0
        """Up to where the store has parts of an aggregator before this one: there it is asked which."""
        self._store = store
        self._run_id = run_id
        self._next: OrderedDict[_Key, int] = OrderedDict()
        self._newest: dict[tuple[int, str, str], int] = {}

    async def take(self, tier_s: int, start_ns: int, region: str, worker_id: str = "") -> int:
        """The next one."""
        key = (tier_s, start_ns, region, worker_id)
        number = self._next.get(key)
        if number is None:
            number = await self._first_free(key)
        self._next[key] = number + 1
        self._next.move_to_end(key)
        if len(self._next) > REMEMBERED:
            self._next.popitem(last=False)
        return number

    async def _first_free(self, key: _Key) -> int:
        tier_s, start_ns, region, worker_id = key
        newest_ns = self._newest.get((tier_s, region, worker_id))
        self._newest[tier_s, region, worker_id] = max(start_ns, newest_ns or 0)
        if start_ns >= self.stored_until_ns and (newest_ns is None or start_ns > newest_ns):
            return 0
        workers = (worker_id,) if worker_id else None
        query = PartQuery(self._run_id, tier_s, start_ns, start_ns + 1, (region,), workers, counts=False)
        numbers = [part.part async for part in self._store.parts(query)]
        return max(numbers, default=-1) + 1
