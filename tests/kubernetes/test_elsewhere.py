"""An agent alone, with the page's commands, in a namespace that knows nothing of the installation but its names."""

from collections.abc import Iterator

import pytest
from tests.distributed.processes import open_plan
from tests.integration.pages import ROOT
from tests.kubernetes.api import Refused
from tests.kubernetes.installation import BLOCKS, NAMESPACE, REGION, Installation
from tests.kubernetes.rights import Account
from tests.kubernetes.shell import Shell
from tests.network import HUB

ELSEWHERE = "elsewhere"
RELEASE = "load-us"
REGIONS = [REGION, "us"]
AGENT = {"app.kubernetes.io/component": "agent"}
NEEDED = ("certs/ca.pem", "certs/worker.pem", "certs/worker.key")
"""What the page says that has to be brought there, beside a token."""
_NAMESPACE, *INSTALL, TEST = BLOCKS["Each other region"]
assert TEST.endswith(RELEASE)
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def elsewhere(here: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Who has installed the agent of another region."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "deploy").symlink_to(ROOT / "deploy")
    (folder / "certs").mkdir()
    for name in NEEDED:
        (folder / name).symlink_to(here.folder / name)
    made = here.ask("POST", "/v1/tokens", {"name": "us", "role": "worker", "expires_in": "90d"})
    (folder / "worker-token.txt").write_text(made["token"])
    shell = Shell(here.cluster, folder, ELSEWHERE)
    for line in INSTALL:
        # There is one controller.
        wanted = line.replace(",controller-1.example:8091", "")
        shell.type(f"{wanted} --wait --timeout 2m" if line.startswith("helm install ") else wanted)
    shell.type(TEST)
    yield shell
    shell.uninstall(RELEASE)


def test_a_run_over_two_regions_has_workers_of_both_agents_and_results_of_each(
    here: Installation, elsewhere: Shell
) -> None:
    with here.target() as echo:
        run_id = here.run(plan=open_plan(echo.address, 200, 3), regions=dict.fromkeys(REGIONS, 1))
        here.until("its load begins", lambda: echo.counts()["requests"] > 0)
        workers = {each.labels["apibench/region"]: each for each in here.workers(run_id)}
        (agent,) = here.cluster.kubelet.of({"app.kubernetes.io/instance": RELEASE, **AGENT})
        callers = agent.callers() | workers["us"].callers()
        document = here.result(run_id)
        counted = echo.counts()["requests"]
    assert {region: each.namespace for region, each in workers.items()} == {
        REGION: NAMESPACE,
        "us": elsewhere.namespace,
    }
    assert callers <= {HUB}  # where kubelets are
    assert document["requests"]["ok"] == document["load"]["offered"] == 600 == counted, here.said()
    assert sorted(each["region"] for each in document["run"]["workers"]) == REGIONS
    ok = [
        here.ask("GET", f"/v1/runs/{run_id}/result?region={region}&rows=false")["requests"]["ok"] for region in REGIONS
    ]
    assert sum(ok) == 600
    assert all(ok)
    here.until_nothing_is_left(run_id)
    assert [each.exit_code for each in here.ended(run_id)] == [0, 0]


def test_nothing_there_lets_anybody_in(here: Installation, elsewhere: Shell) -> None:
    (policy,) = here.cluster.api.items(f"/apis/networking.k8s.io/v1/namespaces/{elsewhere.namespace}/networkpolicies")
    assert "Ingress" in policy["spec"]["policyTypes"]
    assert not policy["spec"].get("ingress")
    assert not elsewhere.type("kubectl get services,ingresses --output name")


def test_its_agent_has_the_rights_of_any_agent_and_in_its_own_namespace_alone(
    here: Installation, elsewhere: Shell
) -> None:
    agent = Account(here.cluster, elsewhere.namespace, f"{RELEASE}-agent")
    assert agent.granted() == Account(here.cluster, NAMESPACE, f"{NAMESPACE}-agent").granted()
    assert here.cluster.plane.refused_to(agent.user) == []
    with agent.api() as api:
        for path in (f"{elsewhere.namespace}/secrets", f"{NAMESPACE}/pods"):
            with pytest.raises(Refused, match="403 Forbidden"):
                api.ask("GET", f"/api/v1/namespaces/{path}")
