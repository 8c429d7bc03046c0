"""A fake API server, and the cluster behind it."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from tests.unit.provider.fake_api import FakeApi
from tests.unit.provider.fake_cluster import FakeCluster
from tests.unit.provider.following import QUICK, jobs_at

from apibench.provider.kubernetes_jobs import KubernetesJobs
from apibench.provider.patience import Patience

OpenJobs = Callable[..., KubernetesJobs]


@pytest_asyncio.fixture
async def api() -> AsyncIterator[FakeApi]:
    """The server, running."""
    server = FakeApi()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def cluster(api: FakeApi) -> FakeCluster:
    """What makes pods of Jobs there, and runs them."""
    found = FakeCluster(api)
    found.runs_pods = True
    return found


@pytest_asyncio.fixture
async def open_jobs(api: FakeApi) -> AsyncIterator[OpenJobs]:
    """Opens a provider of that server, as another process of the agent would; behind the test nothing of it goes on."""
    opened: list[KubernetesJobs] = []

    def open_one(patience: Patience = QUICK, max_workers: int = 10, call_s: float = 5.0) -> KubernetesJobs:
        opened.append(jobs_at(api.url, patience, max_workers, call_s))
        return opened[-1]

    before = asyncio.all_tasks()
    yield open_one
    for each in opened:
        await each.close()
    await api.stop()
    left = {task for task in asyncio.all_tasks() - before if "provider" in repr(task.get_coro())}
    assert not left
