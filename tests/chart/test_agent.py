"""The agent of the chart: what it may do, and what it makes pods of Jobs from."""

import copy
from typing import Any

import kubernetes_validate
import pytest
from tests.chart.chart import (
    EVERYTHING,
    RELEASE,
    VARIANTS,
    Manifest,
    Manifests,
    as_agents_make_it,
    merged,
    of_variants,
    rendered,
)
from tests.chart.test_chart import NEWEST, OLDEST

AGENT = f"{RELEASE}-agent"
manifests = of_variants("jobs", "agent-only", "everything")


def the_pod_of_a_job(manifests: Manifests) -> Manifest:
    (pod,) = manifests.pods_of_jobs.values()
    return pod


def test_its_role_is_the_least_that_does_and_nobody_elses(manifests: Manifests) -> None:
    (role,) = manifests.of_kind("Role").values()
    rights = {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert rights == {
        *(("batch", "jobs", verb) for verb in ("create", "get", "list", "watch", "delete")),
        *(("", "pods", verb) for verb in ("list", "watch")),
        *(("", "events", verb) for verb in ("list", "create")),
    }
    assert not any(rule.keys() - {"apiGroups", "resources", "verbs"} for rule in role["rules"])
    (binding,) = manifests.of_kind("RoleBinding").values()
    assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": AGENT}
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": AGENT, "namespace": "tests"}]
    used = [name for name, pod in manifests.pods.items() if pod["spec"].get("serviceAccountName") == AGENT]
    assert used == [AGENT]
    assert not manifests.of_kind("ClusterRole") | manifests.of_kind("ClusterRoleBinding")


def test_without_one_nobody_may_do_anything() -> None:
    manifests = rendered(*VARIANTS["default"])
    assert not {each["kind"] for each in manifests} & {"Role", "RoleBinding", "ConfigMap"}


def test_it_has_a_name_that_stays_and_reads_the_pod_that_is_mounted(manifests: Manifests) -> None:
    spec = manifests.pods[AGENT]["spec"]
    (container,) = spec["containers"]
    told = dict(each.removeprefix("--").split("=", 1) for each in container["args"][1:] if "=" in each)
    assert (told["name"], told["provider"]) == (AGENT, "k8s-job")
    (path,) = (each["mountPath"] for each in container["volumeMounts"] if each["name"] == "worker")
    (volume,) = (each for each in spec["volumes"] if each["name"] == "worker")
    (file,) = manifests.of_kind("ConfigMap")[volume["configMap"]["name"]]["data"]
    assert told["pod"] == f"{path}/{file}"


def test_agent_and_workers_are_of_one_region(manifests: Manifests) -> None:
    of_all = [
        {word for word in pod["spec"]["containers"][0].get("args", []) if word.startswith("--region=")}
        for name, pod in manifests.pods.items()
        if name in (AGENT, f"{RELEASE}-worker", f"{RELEASE}-worker-pod")
    ]
    assert len(of_all) >= 2
    assert all(each == of_all[0] for each in of_all)


def test_it_starts_anew_where_the_pod_of_its_jobs_changes() -> None:
    def digest(worker: dict[str, Any]) -> str:
        changed = rendered("", merged(EVERYTHING, {"worker": worker}))
        noted: str = changed.pods[AGENT]["metadata"]["annotations"]["apibench/worker-pod"]
        return noted

    assert digest({"memory": "2Gi"}) != digest({"memory": "3Gi"})
    assert digest({"replicas": 2}) == digest({"replicas": 3})


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_the_pod_of_a_job_is_one_of_kubernetes(manifests: Manifests, version: str) -> None:
    pod = as_agents_make_it(the_pod_of_a_job(manifests))
    misspelt = copy.deepcopy(pod)
    misspelt["spec"]["containers"][0]["volumeMount"] = []
    head = {"name": "made", "namespace": "tests"}
    for wrap in (
        lambda pod: {"apiVersion": "v1", "kind": "Pod", **pod, "metadata": {**pod["metadata"], **head}},
        lambda pod: {"apiVersion": "batch/v1", "kind": "Job", "metadata": head, "spec": {"template": pod}},
    ):
        kubernetes_validate.validate(wrap(pod), version, strict=True)
        with pytest.raises(kubernetes_validate.ValidationError, match="volumeMount"):
            kubernetes_validate.validate(wrap(misspelt), version, strict=True)


def test_the_pod_of_a_job_leaves_to_the_agent_what_is_its_own(manifests: Manifests) -> None:
    pod = the_pod_of_a_job(manifests)
    assert pod.keys() == {"metadata", "spec"}
    assert pod["metadata"].keys() <= {"labels", "annotations"}
    labels = pod["metadata"]["labels"]
    assert not [key for key in labels if key.startswith("apibench/")]
    assert "app.kubernetes.io/managed-by" not in labels
    assert labels["app.kubernetes.io/instance"] == RELEASE
    (container,) = pod["spec"]["containers"]
    assert container["name"] == "worker"
    assert not [word for word in container["args"] if word.startswith("--run")]


def test_a_worker_of_a_job_differs_from_one_that_waits_in_nothing_but_what_it_has_to() -> None:
    manifests = rendered("", EVERYTHING)
    standing, job = (copy.deepcopy(manifests.pods[f"{RELEASE}-{each}"]) for each in ("worker", "worker-pod"))
    # No kubelet is to end it: what it has not delivered would go with it.
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        del standing["spec"]["containers"][0][probe]
    assert job["spec"].pop("restartPolicy") == "Never"
    # Its disk is the node's.
    (folder,) = (each for each in job["spec"]["volumes"] if each["name"] == "folder")
    job["spec"]["volumes"].remove(folder)
    claim = manifests.of_kind("StatefulSet")[f"{RELEASE}-worker"]["spec"]["volumeClaimTemplates"][0]
    size = claim["spec"]["resources"]["requests"]["storage"]
    assert folder == {"name": "folder", "emptyDir": {"sizeLimit": size}}
    # It is not of the pool.
    assert standing["metadata"]["labels"].pop("apibench/pool") == "standing"
    assert standing["metadata"]["labels"].pop("app.kubernetes.io/managed-by") == "Helm"
    assert standing == job


def test_no_admins_token_is_needed_where_there_is_no_controller() -> None:
    named = {
        each["valueFrom"]["secretKeyRef"]["name"]
        for pod in rendered(*VARIANTS["agent-only"]).pods.values()
        for each in pod["spec"]["containers"][0].get("env", [])
        if each["name"] == "APIBENCH_TOKEN"
    }
    assert named == {"apibench-worker-token"}
