"""What tests of Jobs share: a provider over the fake server, and waiting until it has come so far."""

import asyncio
from collections.abc import Callable, Sequence

from kubernetes_asyncio.client import ApiClient, Configuration
from tests.unit.provider.fake_api import NAMESPACE

from apibench.model.provision import Provision, ProvisionStatus
from apibench.provider.job_form import JobForm
from apibench.provider.kubernetes_api import KubernetesApi
from apibench.provider.kubernetes_jobs import KubernetesJobs
from apibench.provider.patience import Patience
from apibench.provider.pod_template import checked_template
from apibench.provider.seam import WorkerProvider

PATIENCE_S = 20.0
"""No speed is asserted: it only keeps what hangs from hanging the suite."""
TURN_S = 0.005
QUICK = Patience(
    watch_s=(60, 60),
    silence_s=30.0,
    first_pause_s=0.01,
    longest_pause_s=30.0,
    calm_s=0.0,
    bear_s=0.0,
    appear_s=30.0,
    wonder_s=0.0,
    ask_again_s=0.0,
)
"""Every first pause is short, and the longest is so long that a loop without pauses is told from one with them."""
TEMPLATE = {
    "metadata": {"labels": {"team": "shop"}, "annotations": {"karpenter.sh/do-not-disrupt": "false"}},
    "spec": {
        "serviceAccountName": "worker",
        "containers": [
            {"name": "proxy", "image": "registry/proxy:1"},
            {"name": "worker", "image": "registry/x:1", "args": ["worker", "--controller=c:8089"]},
        ],
    },
}
FORM = JobForm("agent-eu", "eu", checked_template(TEMPLATE))
RUN = Provision("06kq3v5abc", 2, 900)
OTHER = Provision("06kq3v5abd", 1, 900)
NAME = FORM.name(RUN.run_id)

Statuses = Sequence[ProvisionStatus]


def api_at(url: str, call_s: float = 5.0) -> KubernetesApi:
    """A client of that server. Only where a loop runs."""
    return KubernetesApi(ApiClient(Configuration(host=url)), NAMESPACE, call_s=call_s)


def jobs_at(url: str, patience: Patience = QUICK, max_workers: int = 10, call_s: float = 5.0) -> KubernetesJobs:
    """A provider of that server. Only where a loop runs."""
    return KubernetesJobs(api_at(url, call_s), FORM, max_workers, patience)


async def until(
    provider: WorkerProvider, wanted: Sequence[Provision], holds: Callable[[Statuses], bool]
) -> tuple[ProvisionStatus, ...]:
    """Say what is wanted again and again, as an agent does, until that holds of what is answered."""
    statuses: tuple[ProvisionStatus, ...] = ()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                statuses = await provider.provide(wanted)
                if holds(statuses):
                    return statuses
                await asyncio.sleep(TURN_S)
    except TimeoutError:
        raise AssertionError(f"it has not come so far: {statuses}") from None


async def turns(provider: WorkerProvider, wanted: Sequence[Provision], count: int = 40) -> tuple[ProvisionStatus, ...]:
    """Say what is wanted so many times more."""
    statuses: tuple[ProvisionStatus, ...] = ()
    for _ in range(count):
        statuses = await provider.provide(wanted)
        await asyncio.sleep(TURN_S)
    return statuses


def started(count: int) -> Callable[[Statuses], bool]:
    """Whether so many workers of all runs run."""
    return lambda statuses: sum(each.started for each in statuses) == count


def failed(statuses: Statuses) -> bool:
    """Whether no more workers of any run will come."""
    return all(each.failed for each in statuses)


def says(words: str) -> Callable[[Statuses], bool]:
    """Whether that is said of a run."""
    return lambda statuses: any(words in each.reason for each in statuses)
