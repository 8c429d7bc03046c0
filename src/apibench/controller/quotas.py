"""
The quotas of an installation, and whether a run is within them.

One holds for everybody together, and each token may have one for its own runs. They are kept with what else holds for
the whole installation, and read anew for each run: what another controller was told holds here too.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from apibench.model.demand import Demand, demand_of
from apibench.model.errors import BeyondQuota
from apibench.model.fault import Fault
from apibench.model.plain import from_plain, to_plain
from apibench.model.quota import Quota
from apibench.model.rate_change import RateChange
from apibench.model.validation import parse_plan
from apibench.store.control import ControlStore

EVERYBODY = ""
"""Whose quota the installation's is."""
NO_QUOTA = Quota()


@dataclass(frozen=True, slots=True)
class Asked:
    """A run that goes on, or wants to."""

    creator: str
    plan: str
    """Canonical JSON."""
    rates: Sequence[RateChange] = ()
    """All changes of its rates, those included that are not agreed on yet."""
    offset_ns: int = 0
    """How far it has come."""

    def demand(self) -> Demand:
        """What it comes to from now on."""
        return demand_of(parse_plan(json.loads(self.plan)), self.rates, self.offset_ns)


class Quotas:
    """What everybody may use."""

    def __init__(self, store: ControlStore, term: Callable[[], int]) -> None:
        """`term` tells the controller's own, and raises StaleTerm where it does not lead."""
        self._store = store
        self._term = term

    async def of(self, actor: str = EVERYBODY) -> Quota:
        """Everybody's, or the one of a token by its actor's name; without bounds where none was ever put."""
        kept = await self._store.setting(_setting(actor))
        return from_plain(Quota, json.loads(kept)) if kept else NO_QUOTA

    async def put(self, quota: Quota, actor: str = EVERYBODY) -> None:
        """Have it hold from the next run on, in the place of the one before. Runs that go on are left alone."""
        await self._store.put_setting(self._term(), _setting(actor), json.dumps(to_plain(quota)))

    async def admit(self, asked: Asked, others: Sequence[Asked]) -> None:
        """Raises BeyondQuota, with all that is beyond, where a run does not fit beside the others that go on."""
        await self._check(asked, others, Quota.faults)

    async def admit_rates(self, asked: Asked, others: Sequence[Asked]) -> None:
        """The same for a run that goes on, with its new rates among its own."""
        await self._check(asked, others, Quota.faults_of_rate)

    async def _check(self, asked: Asked, others: Sequence[Asked], faults: "_Faults") -> None:
        everybody, own = await self.of(), await self.of(asked.creator)
        if everybody == own == NO_QUOTA:
            return
        # In a thread: a plan may have many stages, and leases must not wait for them.
        demand, *taken = await asyncio.to_thread(lambda: [each.demand() for each in (asked, *others)])
        of_its_own = [each for other, each in zip(others, taken, strict=True) if other.creator == asked.creator]
        beyond = [*faults(everybody, demand, taken, "quota"), *faults(own, demand, of_its_own, "token.quota")]
        if beyond:
            raise BeyondQuota(beyond)


_Faults = Callable[[Quota, Demand, Sequence[Demand], str], list[Fault]]


def _setting(actor: str) -> str:
    return f"quota {actor}".strip()
