"""All that the chart and the agent make, as the API server itself sees it: known to the last key, and *restricted*."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from tests.chart.chart import RELEASE, VARIANTS, Manifest, Manifests, of_variants, rendered
from tests.kubernetes.api import Refused, path_of
from tests.kubernetes.cluster import Cluster

from apibench.model.provision import Provision
from apibench.provider.job_form import JobForm
from apibench.provider.pod_template import checked_template

pytestmark = pytest.mark.timeout(300)
NAMESPACE = "tests"
STRICT = {"dryRun": "All", "fieldValidation": "Strict"}
NOT_ASKED_FOR = ("ServiceAccount", "PodMonitor")
"""The first are there; of the second only the Prometheus Operator knows what they are."""


@pytest.fixture(scope="module")
def kubernetes(kubernetes: Cluster) -> Iterator[Cluster]:
    """With the namespace that the manifests name."""
    kubernetes.new_namespace(NAMESPACE)
    for component in ("controller", "aggregator", "worker", "agent"):
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": f"{RELEASE}-{component}"}}
        kubernetes.api.ask("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", account)
    yield kubernetes
    kubernetes.api.ask("DELETE", f"/api/v1/namespaces/{NAMESPACE}")


manifests = of_variants(*VARIANTS)


def warned_of(cluster: Cluster, value: Manifest) -> list[str]:
    """What the API server warns of where it would take an object. Raises Refused where it would not."""
    return cluster.api.heard("POST", path_of(value, NAMESPACE), value, **STRICT)[1]


def job_of(pod: Manifest) -> dict[str, Any]:
    form = JobForm(f"{RELEASE}-agent", "frankfurt", checked_template(pod))
    return form.document(Provision("01jq", 3, 3_600))


def test_the_api_server_takes_every_object_and_warns_of_nothing(kubernetes: Cluster, manifests: Manifests) -> None:
    for each in manifests:
        if each["kind"] not in NOT_ASKED_FOR:
            assert warned_of(kubernetes, each) == [], each["metadata"]["name"]
    for pod in manifests.pods_of_jobs.values():
        assert warned_of(kubernetes, job_of(pod)) == []


def test_it_lets_every_pod_into_a_namespace_that_is_restricted(kubernetes: Cluster, manifests: Manifests) -> None:
    for name, made in manifests.pods_that_run.items():
        metadata = {**made["metadata"], "name": name, "namespace": NAMESPACE}
        claims = manifests.of_kind("StatefulSet").get(name, {}).get("spec", {}).get("volumeClaimTemplates", [])
        volumes = [{"name": each["metadata"]["name"], "emptyDir": {}} for each in claims]
        spec = {**made["spec"], "volumes": [*made["spec"].get("volumes", []), *volumes]}
        assert warned_of(kubernetes, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}) == []


def test_what_it_does_not_know_or_does_not_let_in_would_be_seen(kubernetes: Cluster) -> None:
    manifests = rendered(*VARIANTS["jobs"])
    deployment = next(each for each in manifests if each["kind"] == "Deployment")
    misspelt = {**deployment, "spec": {**deployment["spec"], "replica": 1}}
    with pytest.raises(Refused, match=r'unknown field "spec\.replica"'):
        warned_of(kubernetes, misspelt)
    freed = copy.deepcopy(deployment)
    del freed["spec"]["template"]["spec"]["securityContext"]["seccompProfile"]
    (warning,) = warned_of(kubernetes, freed)
    assert "would violate PodSecurity" in warning
    assert "must set securityContext.seccompProfile.type" in warning
    (pod,) = manifests.pods_of_jobs.values()
    job = job_of(pod)
    job["spec"]["podFailurePolicy"]["rules"][1]["onExitCodes"]["containerName"] = "nobody"
    with pytest.raises(Refused, match="containerName"):
        warned_of(kubernetes, job)
