"""The manifests that helm makes of the chart: valid, restricted, joined by what they say of one another."""

import json
import re
from typing import Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML
from tests.chart.chart import (
    CHART,
    ELSEWHERE,
    OF_THE_OPERATOR,
    PEERS,
    RELEASE,
    VARIANTS,
    Manifest,
    Manifests,
    helm,
    of_variants,
    rendered,
    selects,
)

from apibench import __version__
from apibench.cli.app import app
from apibench.worker.service import FLUSH_S, LEAVE_S

OLDEST, NEWEST = "1.29", "1.37"
METADATA = {"169.254.169.254/32", "fd00:ec2::254/128"}
PODS = {
    "default": {"controller-0", "aggregator", "worker", "test"},
    "no-workers": {"controller-0", "aggregator", "test"},
    "jobs": {"controller-0", "aggregator", "agent", "worker-pod", "test"},
    "agent-only": {"agent", "worker-pod", "test"},
    "pool-elsewhere": {"worker", "test"},
    "plain": {"controller-0", "aggregator", "worker", "test"},
    "eks": {"controller-0", "controller-1", "aggregator", "worker", "agent", "worker-pod", "test"},
    "everything": {"controller-0", "controller-1", "aggregator", "worker", "agent", "worker-pod", "test"},
}
"""Which there are; `worker-pod`: for Jobs."""
manifests = of_variants(*VARIANTS)


def test_lint_finds_nothing_with_any_file_of_values() -> None:
    tried = {file or "values.yaml" for file, _ in VARIANTS.values()}
    assert {each.name for each in CHART.glob("values*.yaml")} == tried
    for file, values in VARIANTS.values():
        words = ["--values", str(CHART / file)] if file else []
        done = helm("lint", str(CHART), "--strict", *words, values=values)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "[WARNING]" not in done.stdout, done.stdout


def test_its_release_is_ours() -> None:
    chart = YAML(typ="safe").load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == __version__
    assert chart["kubeVersion"] == f">={OLDEST}.0-0"


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_made_is_what_is_asked_for_and_no_more(variant: str) -> None:
    manifests = rendered(*VARIANTS[variant])
    found = {name.removeprefix(f"{RELEASE}-") for name in manifests.pods}
    assert found == PODS[variant]
    # Whatever else is there is of one of these.
    parts = {each["metadata"]["labels"].get("app.kubernetes.io/component", "all") for each in manifests}
    components = {each.partition("-")[0] for each in found}
    assert parts == components | ({"all"} if manifests.of_kind("NetworkPolicy") else set())
    accounts = {pod["spec"]["serviceAccountName"] for name, pod in manifests.pods.items() if name[-4:] != "test"}
    assert manifests.of_kind("ServiceAccount").keys() == accounts


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_object_is_one_of_kubernetes(manifests: Manifests, version: str) -> None:
    for each in manifests:
        if each["apiVersion"] != OF_THE_OPERATOR:  # test_pod_monitors.py holds those word by word
            kubernetes_validate.validate(each, version, strict=True)
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(without_meaning(manifests), version, strict=True)


def without_meaning(manifests: Manifests) -> Manifest:
    """A Deployment or a StatefulSet with a misspelt key: what is checked against has to know."""
    made = next(each for each in manifests if each["kind"] in ("Deployment", "StatefulSet"))
    return made | {"spec": {**made["spec"], "replica": 1}}


def test_no_two_objects_have_one_name_and_all_are_of_the_release(manifests: Manifests) -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in manifests]
    assert len(names) == len(set(names))
    for each in manifests:
        assert each["metadata"]["name"].startswith(f"{RELEASE}-")
        assert each["metadata"]["namespace"] == "tests"
        assert each["metadata"]["labels"]["app.kubernetes.io/instance"] == RELEASE


def test_every_pod_is_restricted_and_only_an_agent_has_an_account_to_use(manifests: Manifests) -> None:
    accounts = manifests.of_kind("ServiceAccount")
    for name, pod in manifests.pods.items():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is (name == f"{RELEASE}-agent")
        assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC", "initContainers", "ephemeralContainers"}
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {each["name"] for each in spec["securityContext"].get("sysctls", [])} <= {"net.ipv4.ip_local_port_range"}
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "runAsNonRoot": True,
                "capabilities": {"drop": ["ALL"]},
            }
        for volume in spec.get("volumes", []):
            assert volume.keys() - {"name"} <= {"emptyDir", "secret", "configMap", "persistentVolumeClaim"}
        if "serviceAccountName" in spec:
            assert accounts[spec["serviceAccountName"]]["automountServiceAccountToken"] is False


def test_what_is_mounted_is_a_volume_of_the_pod_and_the_other_way_round(manifests: Manifests) -> None:
    claims = {
        name: {claim["metadata"]["name"] for claim in each["spec"].get("volumeClaimTemplates", [])}
        for name, each in manifests.of_kind("StatefulSet").items()
    }
    for name, pod in manifests.pods.items():
        (container,) = pod["spec"]["containers"]
        mounted = {each["name"] for each in container.get("volumeMounts", [])}
        assert mounted == {each["name"] for each in pod["spec"].get("volumes", [])} | claims.get(name, set())


def test_a_worker_has_whole_processors_that_are_its_own_and_time_to_deliver(manifests: Manifests) -> None:
    for pod in (pod for name, pod in manifests.pods.items() if name.startswith(f"{RELEASE}-worker")):
        (container,) = pod["spec"]["containers"]
        assert container["resources"]["requests"] == container["resources"]["limits"]
        assert isinstance(container["resources"]["limits"]["cpu"], int)
        assert pod["spec"]["terminationGracePeriodSeconds"] > LEAVE_S + FLUSH_S


def test_one_that_leads_or_owns_results_is_gone_before_another_starts(manifests: Manifests) -> None:
    for each in manifests.of_kind("Deployment").values():
        assert (each["spec"]["replicas"], each["spec"]["strategy"]) == (1, {"type": "Recreate"})


def test_selectors_select_the_pods_that_they_are_for_and_no_others(manifests: Manifests) -> None:
    every = manifests.pods_that_run
    for kind in ("Deployment", "StatefulSet"):
        for name, each in manifests.of_kind(kind).items():
            labels = each["spec"]["selector"]["matchLabels"]
            assert [other for other, pod in every.items() if selects(labels, pod)] == [name]
    controllers = [name for name in every if name.startswith(f"{RELEASE}-controller-")]
    for name, each in manifests.of_kind("Service").items():
        found = [other for other, pod in every.items() if selects(each["spec"]["selector"], pod)]
        assert found == (controllers if name == f"{RELEASE}-controller" else [name])
    for each in manifests.of_kind("PodDisruptionBudget").values():
        assert any(selects(each["spec"]["selector"]["matchLabels"], pod) for pod in every.values())
    # A policy is for all pods of a component, of whichever kind, and so is what they are spread by.
    by_component: dict[str, set[str]] = {}
    for name, pod in every.items():
        by_component.setdefault(pod["metadata"]["labels"]["app.kubernetes.io/component"], set()).add(name)
    for name, each in manifests.of_kind("NetworkPolicy").items():
        found = [other for other, pod in every.items() if selects(each["spec"]["podSelector"]["matchLabels"], pod)]
        component = name.removeprefix(f"{RELEASE}-")
        assert {*found} == (every.keys() if component == "all" else by_component[component])
    for pod in every.values():
        component = pod["metadata"]["labels"]["app.kubernetes.io/component"]
        for spread in pod["spec"].get("topologySpreadConstraints", []):
            labels = spread["labelSelector"]["matchLabels"]
            assert {other for other in every if selects(labels, every[other])} == by_component[component]


def test_services_and_probes_name_ports_that_are_there(manifests: Manifests) -> None:
    every = manifests.pods
    for service in manifests.of_kind("Service").values():
        for pod in every.values():
            if selects(service["spec"]["selector"], pod):
                ports = {each["name"]: each["containerPort"] for each in pod["spec"]["containers"][0]["ports"]}
                assert all(ports[each["targetPort"]] == each["port"] for each in service["spec"]["ports"])
    for name, container in manifests.services:
        named = {each["name"] for each in container["ports"]}
        if name in manifests.pods_of_jobs:
            assert named == {"http"}
            continue
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"]["port"] in named
    for ingress in manifests.of_kind("Ingress").values():
        backend = ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
        assert backend == {"name": f"{RELEASE}-controller", "port": {"name": "http"}}


def test_the_stable_name_of_a_pod_is_that_of_a_service(manifests: Manifests) -> None:
    found = manifests.of_kind("Service")
    for each in manifests.of_kind("StatefulSet").values():
        assert found[each["spec"]["serviceName"]]["spec"]["clusterIP"] == "None"


def test_whoever_dials_controllers_is_told_of_each(manifests: Manifests) -> None:
    own = {name for name in manifests.of_kind("Service") if name.startswith(f"{RELEASE}-controller-")}
    assert own == {name for name in manifests.pods if name.startswith(f"{RELEASE}-controller-")}
    for _, container in manifests.services:
        dialled = [each for each in container["args"] if each.startswith("--controller=")]
        if container["name"] != "controller":
            told = [f"{name}:8091" for name in own] or ELSEWHERE
            assert sorted(dialled) == sorted(f"--controller={each}" for each in told)
    # Nobody is ready before an aggregator has come by this way.
    for name in own:
        assert manifests.of_kind("Service")[name]["spec"]["publishNotReadyAddresses"] is True


def test_every_command_is_one_that_apibench_takes(manifests: Manifests) -> None:
    assert {name for name, _ in manifests.services} == manifests.pods.keys() - {f"{RELEASE}-test"}
    for name, container in manifests.services:
        # An agent says for which run it makes a worker.
        words = [*container["args"], *(["--run=01JQ"] if name in manifests.pods_of_jobs else [])]
        command, bound, *_ = app.parse_args(words, exit_on_error=False, print_error=False)
        assert command.__name__ == container["args"][0] == container["name"]
        assert bound.arguments["http"] == "0.0.0.0:8090"


def test_no_secret_stands_in_an_object(manifests: Manifests) -> None:
    assert not manifests.of_kind("Secret")
    for _, container in manifests.services:
        for each in container["env"]:
            assert "secretKeyRef" in each.get("valueFrom", {}) or each["name"] == "APIBENCH_SECRETS"
        assert not any("@" in each and ":" in each.rpartition("@")[0].partition("//")[2] for each in container["args"])


def test_only_who_sends_to_a_collector_has_its_headers(manifests: Manifests) -> None:
    for _, container in manifests.services:
        headers = [each for each in container["env"] if each["name"] == "OTEL_EXPORTER_OTLP_HEADERS"]
        sends = any(each.startswith("--otlp=") for each in container["args"])
        found = [each["valueFrom"]["secretKeyRef"] for each in headers]
        assert found == ([{"name": "collector", "key": "headers"}] if sends else [])


def allowed(manifests: Manifests, component: str) -> set[tuple[int, str]]:
    """Which components may reach one, at which port."""
    policy = manifests.of_kind("NetworkPolicy").get(f"{RELEASE}-{component}")
    return {
        (port["port"], peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"])
        for rule in (policy["spec"]["ingress"] if policy else [])
        for port in rule["ports"]
        for peer in rule["from"]
        if "podSelector" in peer
    }


def test_inward_is_open_only_what_services_need_of_one_another(manifests: Manifests) -> None:
    everybody = manifests.of_kind("NetworkPolicy")[f"{RELEASE}-all"]["spec"]
    assert everybody["ingress"] == []
    assert all(selects(everybody["podSelector"]["matchLabels"], pod) for pod in manifests.pods.values())
    if f"{RELEASE}-aggregator" in manifests.pods:
        agent = {(8091, "agent")} if f"{RELEASE}-agent" in manifests.pods else set()
        assert allowed(manifests, "controller") == {(8090, "test"), (8091, "aggregator"), (8091, "worker")} | agent
        assert allowed(manifests, "aggregator") == {(8092, "controller"), (8092, "worker")}
    assert allowed(manifests, "worker") == allowed(manifests, "agent") == set()
    for policy in manifests.of_kind("NetworkPolicy").values():
        # An empty list of peers would be everybody.
        assert all(rule["from"] and rule["ports"] for rule in policy["spec"]["ingress"])


def test_figures_are_reached_by_those_who_are_named_alone() -> None:
    for variant, named in (("jobs", set()), ("everything", {"aggregator", "worker", "agent"})):
        policies = rendered(*VARIANTS[variant]).of_kind("NetworkPolicy")
        inward = {
            name.removeprefix(f"{RELEASE}-")
            for name, each in policies.items()
            for rule in each["spec"]["ingress"]
            if rule["ports"] == [{"port": 8090, "protocol": "TCP"}] and rule["from"] == PEERS
        }
        assert inward == named


def test_no_pod_reaches_the_metadata_of_its_machine(manifests: Manifests) -> None:
    everybody = manifests.of_kind("NetworkPolicy")[f"{RELEASE}-all"]["spec"]
    assert everybody["policyTypes"] == ["Ingress", "Egress"]
    blocks = [peer["ipBlock"] for rule in everybody["egress"] for peer in rule["to"] if "ipBlock" in peer]
    assert {each["cidr"] for each in blocks} == {"0.0.0.0/0", "::/0"}
    assert {address for each in blocks for address in each["except"]} == METADATA


@pytest.mark.parametrize("variant", ["everything", "agent-only"])
def test_every_value_that_is_told_stands_in_an_object(variant: str) -> None:
    file, values = VARIANTS[variant]
    said = json.dumps(rendered(file, values))
    for value in leaves(values):
        assert re.search(rf"(?<!\w){re.escape(str(value))}(?!\w)", said), value


def leaves(value: Any) -> list[Any]:
    """All texts and numbers in a document."""
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in leaves(each)]
    if isinstance(value, list):
        return [leaf for each in value for leaf in leaves(each)]
    return [] if isinstance(value, bool) else [value]


def test_prometheus_is_told_of_those_whose_figures_want_no_token_and_only_if_it_is_wanted() -> None:
    for variant, wanted in (("default", False), ("everything", True)):
        for name, pod in rendered(*VARIANTS[variant]).pods.items():
            scraped = "prometheus.io/scrape" in pod["metadata"].get("annotations", {})
            listens = name.removeprefix(f"{RELEASE}-") in {"aggregator", "worker", "agent", "worker-pod"}
            assert scraped == (wanted and listens)


NOTES = {
    "default": [": 1 controller(s), an aggregator, 2 worker(s) that wait, on postgresql://db.example.", "--workers 2"],
    "no-workers": [
        ": 1 controller(s), an aggregator, 0 worker(s) that wait, on postgresql://db.example.",
        "--workers 2",
    ],
    "jobs": [": 1 controller(s), an aggregator, an agent that makes up to 100 worker(s), on postgresql://db.example."],
    "agent-only": [f": an agent that makes up to 100 worker(s), in region sydney, for {' and '.join(ELSEWHERE)}."],
    "pool-elsewhere": [f": 2 worker(s) that wait, for {' and '.join(ELSEWHERE)}."],
    "plain": ["shown by workers."],
    "eks": [
        "https://load.example --workers 2",
        "is meant to be so",
        '"workers_from": "agent"',
        "by workers and the agent.",
    ],
    "everything": [
        "an aggregator, 2 worker(s) that wait, an agent that makes up to 77 worker(s), in region frankfurt, on"
    ],
}
"""Something of each."""


def test_notes_say_what_to_do_next() -> None:
    for variant, (file, values) in VARIANTS.items():
        words = ["install", RELEASE, str(CHART), "--dry-run=client", "--namespace", "tests"]
        done = helm(*words, *(["--values", str(CHART / file)] if file else []), values=values)
        assert done.returncode == 0, done.stderr
        notes = done.stdout.partition("NOTES:")[2]
        assert f"helm test {RELEASE} --namespace tests" in notes
        assert not [each for each in NOTES[variant] if each not in notes], notes
        assert ("WITHOUT CERTIFICATES" in notes) == ("tls" in values)
        assert ("apibench run plan.yaml" in notes) == (f"{RELEASE}-aggregator" in rendered(file, values).pods)
        assert (f"rollout status deployment/{RELEASE}-agent" in notes) == ("agent" in PODS[variant])
        assert ('"workers_from": "pool"' in notes) == (variant in {"jobs", "everything"})
        assert ("is an admin's" in notes) == (variant not in {"no-workers", "agent-only", "everything"})
        assert "<no value>" not in notes
