"""What the agent of the chart may do on Kubernetes: all that it does, and nothing else."""

import pytest
from tests.distributed.processes import open_plan
from tests.kubernetes.api import Refused
from tests.kubernetes.installation import NAMESPACE, REGION, Installation
from tests.kubernetes.rights import Account

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def agent(here: Installation) -> Account:
    """The agent's."""
    return Account(here.cluster, NAMESPACE, f"{NAMESPACE}-agent")


def test_the_role_is_what_the_agent_asks_for_and_it_is_refused_nothing(here: Installation, agent: Account) -> None:
    plan = open_plan("http://10.213.0.1:9", 100, 4)
    # A Job of its name is there, of somebody else: it looks at that one.
    (pod,) = here.cluster.kubelet.of({"app.kubernetes.io/component": "agent"})
    with pod.stopped():
        run_id = here.run(plan=plan, regions={REGION: 1})
        name, jobs = f"apibench-{run_id}-{REGION}", f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
        here.cluster.api.ask("POST", jobs, suspended_job(name))
    assert f"there is one named {name} which this agent has not made" in here.fails(run_id)
    here.cluster.api.ask("DELETE", f"{jobs}/{name}")
    here.until_nothing_is_left(run_id)
    # Pods can't be made: it asks for events, where alone that is said.
    with here.quota("pods", "0"):
        run_id = here.run(plan=plan, regions={REGION: 1}, patience_s=12)
        reason = here.fails(run_id)
    assert "not all of its pods are made" in reason
    assert "exceeded quota: little" in reason
    here.until_nothing_is_left(run_id)

    assert here.cluster.plane.asked_by(agent.user).keys() == agent.granted()
    assert here.cluster.plane.refused_to(agent.user) == []


def test_its_account_has_no_other_right(here: Installation, agent: Account) -> None:
    anybody = Account(here.cluster, NAMESPACE, "default")
    assert agent.found() - anybody.found() == agent.granted()
    with agent.api() as api:
        for path in (f"/api/v1/namespaces/{NAMESPACE}/secrets", "/api/v1/namespaces/kube-system/pods"):
            with pytest.raises(Refused, match="403 Forbidden"):
                api.ask("GET", path)


def suspended_job(name: str) -> dict[str, object]:
    """One that makes no pods."""
    security = {
        "allowPrivilegeEscalation": False,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {"name": "other", "image": "registry.example/other", "securityContext": security}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"suspend": True, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }
