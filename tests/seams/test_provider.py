"""Every kind of provider does the same with what is wanted of it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from tests.seams.provided import Cluster, Host, Place
from tests.unit.provider.fake_api import FakeApi
from tests.unit.provider.following import Statuses, failed, started, turns, until

from apibench.model.provision import Provision
from apibench.provider.seam import WorkerProvider

pytestmark = pytest.mark.asyncio
RUN = Provision("06kq3v5abc", 2, 900)
OTHER = Provision("06kq3v5abd", 1, 900)
MOST = 3


@pytest_asyncio.fixture(params=["local", "k8s-job"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    if request.param == "local":
        yield Host(tmp_path)
        return
    api = FakeApi()
    await api.start()
    yield Cluster(api)
    await api.stop()


@pytest_asyncio.fixture
async def provider(place: Place) -> AsyncIterator[WorkerProvider]:
    found = place.provider(MOST)
    yield found
    await found.close()


def there(place: Place, count: int) -> Callable[[Statuses], bool]:
    """Whether so many workers run, by the provider and by what is seen of them."""
    return lambda statuses: started(count)(statuses) and place.alive() == count


def failed_and_told(statuses: Statuses) -> bool:
    """Whether no more will come, and the last words of a worker are told: they may come by another way."""
    return failed(statuses) and all("what it said last" in each.reason for each in statuses)


async def test_what_is_wanted_twice_is_there_once(place: Place, provider: WorkerProvider) -> None:
    await until(provider, [RUN, OTHER], there(place, 3))
    statuses = await turns(provider, [RUN, OTHER])
    assert [(each.run_id, each.started, each.failed) for each in statuses] == [
        (RUN.run_id, 2, False),
        (OTHER.run_id, 1, False),
    ]
    assert (place.made(), place.alive()) == (3, 3)


async def test_nothing_is_there_when_nothing_was_wanted(place: Place, provider: WorkerProvider) -> None:
    assert await turns(provider, []) == ()
    assert place.made() == 0


async def test_what_is_no_longer_wanted_is_ended_and_the_rest_goes_on(place: Place, provider: WorkerProvider) -> None:
    await until(provider, [RUN, OTHER], there(place, 3))
    (left,) = await until(provider, [OTHER], lambda _: place.alive() == 1)
    assert (left.run_id, left.started) == (OTHER.run_id, 1)
    await until(provider, [], lambda _: place.alive() == 0)
    assert place.made() == 3


async def test_more_than_it_makes_at_once_fail_and_the_others_do_not(place: Place, provider: WorkerProvider) -> None:
    await until(provider, [RUN], there(place, 2))
    many = Provision("06kq3v5abe", 2, 900)
    statuses = await until(provider, [RUN, many], lambda statuses: statuses[-1].failed)
    assert [each.failed for each in statuses] == [False, True]
    assert statuses[-1].reason == "this agent makes up to 3 workers at once, and 1 more now"
    await until(provider, [RUN, OTHER], there(place, 3))
    assert place.made() == 3


async def test_a_worker_that_was_started_wrongly_is_not_started_again(place: Place, provider: WorkerProvider) -> None:
    place.exits = 2
    (told,) = await until(provider, [OTHER], failed_and_told)
    assert "has ended with 2" in told.reason
    await turns(provider, [OTHER])
    assert (place.made(), place.alive()) == (1, 0)


async def test_a_worker_that_fails_otherwise_is_started_once_more(place: Place, provider: WorkerProvider) -> None:
    place.exits = 3
    (told,) = await until(provider, [OTHER], failed_and_told)
    assert "ended with 3" in told.reason
    await turns(provider, [OTHER])
    assert (place.made(), place.alive()) == (2, 0)


async def test_who_is_started_once_more_and_works_is_there(place: Place, provider: WorkerProvider) -> None:
    place.exits, place.heals = 3, True
    await until(provider, [OTHER], lambda statuses: place.made() == 2 and there(place, 1)(statuses))
    (told,) = await turns(provider, [OTHER])
    assert (told.started, told.failed) == (1, False)
    assert (place.made(), place.alive()) == (2, 1)


async def test_a_worker_that_has_ended_well_is_not_started_again(place: Place, provider: WorkerProvider) -> None:
    place.exits = 0
    (told,) = await until(provider, [OTHER], failed)
    assert told.started == 0
    await turns(provider, [OTHER])
    assert (place.made(), place.alive()) == (1, 0)
