"""What the agent of the chart may do on Kubernetes: all that it does, and nothing else."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from tests.distributed.processes import open_plan
from tests.kubernetes.api import Api, Refused
from tests.kubernetes.installation import NAMESPACE, Installation

ACCOUNT = f"{NAMESPACE}-agent"
USER = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
pytestmark = pytest.mark.timeout(300)


def rights(rules: list[dict[str, list[str]]]) -> set[tuple[str, str, str]]:
    return {
        (verb, group, resource)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_role_is_what_the_agent_asks_for_and_it_is_refused_nothing(here: Installation) -> None:
    plan = open_plan("http://10.213.0.1:9", 100, 4)
    # A Job of its name is there, of somebody else: it looks at that one.
    agent = here.cluster.kubelet.of(NAMESPACE, "app.kubernetes.io/component", "agent")[0]
    with agent.stopped():
        run_id = here.run(plan=plan, workers=1)
        here.cluster.api.ask("POST", f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs", suspended_job(f"apibench-{run_id}"))
    assert f"there is one named apibench-{run_id} which this agent has not made" in here.fails(run_id)
    here.cluster.api.ask("DELETE", f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs/apibench-{run_id}")
    here.until_nothing_is_left(run_id)
    # Pods can't be made: it asks for events, where alone that is said.
    with here.quota("pods", "0"):
        run_id = here.run(plan=plan, workers=1, patience_s=12)
        reason = here.fails(run_id)
    assert "not all of its pods are made" in reason
    assert "exceeded quota: little" in reason
    here.until_nothing_is_left(run_id)

    assert here.cluster.plane.asked_by(USER).keys() == rights(granted(here))
    assert here.cluster.plane.refused_to(USER) == []


def test_its_account_has_no_other_right(here: Installation) -> None:
    with account(here, "default") as anybody:
        everybodys = rights(found_by(anybody))
    with account(here, ACCOUNT) as agent:
        assert rights(found_by(agent)) - everybodys == rights(granted(here))
        for path in (f"/api/v1/namespaces/{NAMESPACE}/secrets", "/api/v1/namespaces/kube-system/pods"):
            with pytest.raises(Refused, match="403 Forbidden"):
                agent.ask("GET", path)


def granted(here: Installation) -> list[dict[str, list[str]]]:
    """What the chart's role says."""
    role = here.cluster.api.ask("GET", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}/roles/{ACCOUNT}")
    rules: list[dict[str, list[str]]] = role["rules"]
    return rules


@contextmanager
def account(here: Installation, name: str) -> Iterator[Api]:
    """The API server as an account of the namespace sees it."""
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{name}/token"
    wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = here.cluster.api.ask("POST", path, wanted)["status"]["token"]
    with closing(Api(here.cluster.network, here.cluster.plane.url, here.cluster.plane.ca_file, token)) as made:
        yield made


def found_by(who: Api) -> list[dict[str, list[str]]]:
    """What the API server says that one may do."""
    kind = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview"}
    asked = {**kind, "spec": {"namespace": NAMESPACE}}
    found = who.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", asked)["status"]
    assert found["incomplete"] is False
    rules: list[dict[str, list[str]]] = found["resourceRules"]
    return rules


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
