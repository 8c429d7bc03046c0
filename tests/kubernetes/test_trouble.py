"""What stands in the way of a run's workers on Kubernetes, in its own words."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.distributed.processes import open_plan
from tests.kubernetes.installation import REGION, Installation

PLAN = open_plan("http://10.213.0.1:9", 100, 4)
pytestmark = pytest.mark.timeout(300)


@contextmanager
def cordoned(here: Installation) -> Iterator[None]:
    """No node takes any pod, for as long as the context lasts."""

    def set_all(*, unschedulable: bool) -> None:
        for node in here.cluster.api.items("/api/v1/nodes"):
            path = f"/api/v1/nodes/{node['metadata']['name']}"
            changed = {"spec": {"unschedulable": unschedulable}}
            here.cluster.api.ask("PATCH", path, changed, "application/merge-patch+json")

    set_all(unschedulable=True)
    try:
        yield
    finally:
        set_all(unschedulable=False)


def test_what_the_scheduler_says_of_pods_that_no_node_takes_is_why_the_run_fails(here: Installation) -> None:
    with cordoned(here):
        run_id = here.run(plan=PLAN, regions={REGION: 2}, patience_s=6)
        reason = here.fails(run_id)
    assert reason.startswith("there were not enough idle workers within 6 s: ")
    assert "2 pods wait: 0/2 nodes are available: 2 node(s) were unschedulable" in reason
    here.until_nothing_is_left(run_id)


def test_a_quota_of_jobs_fails_the_run_by_its_name(here: Installation) -> None:
    with here.quota("count/jobs.batch", "0"):
        run_id = here.run(plan=PLAN, regions={REGION: 1})
        reason = here.fails(run_id)
    assert "exceeded quota: little" in reason
    here.until_nothing_is_left(run_id)
