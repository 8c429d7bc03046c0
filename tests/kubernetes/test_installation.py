"""An installation on Kubernetes itself, made by the page's commands, with workers that are made for each run."""

import pytest
from tests.distributed.processes import open_plan
from tests.kubernetes.installation import NAMESPACE, Installation

pytestmark = pytest.mark.timeout(300)


def test_a_pod_is_evicted_in_the_middle_and_the_run_measures_all_the_same(here: Installation) -> None:
    with here.target() as echo:
        run_id = here.run(plan=open_plan(echo.address, 200, 8), workers=2)
        here.until("its load begins", lambda: echo.counts()["requests"] > 0)
        (job,) = here.jobs()
        evicted, other = here.workers(run_id)
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": evicted.name}}
        here.cluster.api.ask("POST", f"/api/v1/namespaces/{NAMESPACE}/pods/{evicted.name}/eviction", eviction)
        here.until("it has gone", lambda: evicted.exit_code is not None)
        assert here.state(run_id) == "running"
        document = here.result(run_id)
        counted = echo.counts()["requests"]
    assert (job["spec"]["completions"], job["spec"]["completionMode"]) == (2, "Indexed")
    assert document["load"]["offered"] == 1_600 == document["requests"]["ok"] == counted, here.said()
    assert document["load"]["lost"] == 0
    here.until_nothing_is_left(run_id)
    assert (evicted.exit_code, other.exit_code) == (0, 0)
    assert here.ended(run_id) == [evicted, other]  # nobody has come in its place: it was not needed any more
