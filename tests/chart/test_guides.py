"""What the guides have typed: commands of helm and of ours, and the files that those for Amazon EKS name."""

import re
import shlex
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML
from tests.chart.chart import CHART, TOLD, TOP, Manifests, helm, rendered, rendered_over
from tests.chart.test_chart import NEWEST, OLDEST
from tests.integration.pages import blocks_of

from apibench.cli.app import app

PAGES = [TOP / "README.md", *(TOP / "docs" / f"{name}.md" for name in ("kubernetes", "eks", "regions"))]
EKS = TOP / "deploy" / "eks"
KNOWN = {"$REGISTRY": "registry.example", "$DATABASE": "db.example"}
"""What variables of the pages stand for."""


def typed(page: Path, program: str) -> list[list[str]]:
    """All commands of a program in blocks that nobody runs, as words."""
    lines = [line for block in blocks_of(page) if block.language == "text" for line in block.text.splitlines()]
    for name, value in KNOWN.items():
        lines = [line.replace(name, value) for line in lines]
    parts = [part for line in lines for part in line.split(" && ")]
    return [shlex.split(part.removesuffix(" &")) for part in parts if part.startswith(f"{program} ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_chart_takes_what_a_page_has_helm_install(page: Path) -> None:
    releases = [words for words in typed(page, "helm") if words[1] in ("install", "upgrade")]
    assert releases
    for _, verb, name, chart, *words in releases:
        assert TOP / chart == CHART
        # What an upgrade reuses was told when it was installed; to install nothing may be left untold.
        told = TOLD if verb == "upgrade" else {}
        done = helm("template", name, chart, *(word for word in words if word != "--reuse-values"), told=told)
        assert done.returncode == 0, done.stderr
        assert "kind: Deployment" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_has_typed_of_ours_is_understood(page: Path) -> None:
    commands = typed(page, "apibench")
    assert commands
    for _, *words in commands:
        app.parse_args(words, exit_on_error=False, print_error=False)


def loaded(name: str) -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe").load((EKS / name).read_text(encoding="utf-8"))
    return document


def group(name: str) -> dict[str, Any]:
    """A group of nodes of the cluster."""
    (found,) = (each for each in loaded("cluster.yaml")["managedNodeGroups"] if each["name"] == name)
    assert isinstance(found, dict)
    return found


@pytest.fixture(params=[(), ("values-eks.yaml",)], ids=["alone", "behind-load-balancers"])
def on_eks(request: pytest.FixtureRequest) -> Manifests:
    files = [*(CHART / name for name in request.param), EKS / "values.yaml"]
    return rendered_over(files, {"controller": {"ingress": {"host": "load.example"}}})


def test_every_pod_has_nodes_to_go_to_and_no_pod_of_a_worker_another_s(on_eks: Manifests) -> None:
    groups = {each["name"]: each for each in loaded("cluster.yaml")["managedNodeGroups"]}
    went: dict[str, set[str]] = {}
    for name, pod in on_eks.pods.items():
        spec = pod["spec"]
        labels, tolerated = spec.get("nodeSelector", {}), spec.get("tolerations", [])
        fits = {
            each["name"]
            for each in groups.values()
            if labels.items() <= each["labels"].items()
            and all(is_tolerated(taint, tolerated) for taint in taints(each))
        }
        went[name] = fits
    assert went.pop("load-worker-pod") == {"workers"}
    assert went
    assert all(fits == {"standing"} for fits in went.values())


def taints(nodes: dict[str, Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = nodes.get("taints", [])
    return found


def is_tolerated(taint: dict[str, str], tolerated: list[dict[str, str]]) -> bool:
    return any(taint.items() <= each.items() and each["operator"] == "Equal" for each in tolerated)


def test_there_is_a_node_for_each_worker_that_may_be_made_and_room_for_one_on_each(on_eks: Manifests) -> None:
    values, nodes = loaded("values.yaml"), group("workers")
    assert values["agent"]["maxWorkers"] == nodes["maxSize"]
    assert len(nodes["availabilityZones"]) == 1, "in uneven zones pods that are to be spread would wait for ever"
    pod = on_eks.pods["load-worker-pod"]["spec"]
    assert {each["whenUnsatisfiable"] for each in pod["topologySpreadConstraints"]} == {"DoNotSchedule"}
    processors = {"c7i.xlarge": 4}[nodes["instanceType"]]
    assert processors / 2 <= pod["containers"][0]["resources"]["limits"]["cpu"] < processors


def test_no_pod_on_its_nodes_reaches_their_role_and_policies_are_enforced() -> None:
    cluster = loaded("cluster.yaml")
    assert all(each["disablePodIMDS"] for each in cluster["managedNodeGroups"])
    (network,) = (each for each in cluster["addons"] if each["name"] == "vpc-cni")
    assert YAML(typ="safe").load(network["configurationValues"]) == {"enableNetworkPolicy": "true"}


def test_disks_of_workers_that_wait_are_of_the_class_that_is_made() -> None:
    storage = loaded("storage-class.yaml")
    for version in (OLDEST, NEWEST):
        kubernetes_validate.validate(storage, version, strict=True)
    for file in (EKS / "values.yaml", CHART / "values-eks.yaml"):
        values = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
        assert values["worker"]["storage"]["className"] == storage["metadata"]["name"]


def test_the_page_of_eks_names_files_clusters_and_groups_that_are_there() -> None:
    page = (TOP / "docs" / "eks.md").read_text(encoding="utf-8")
    for path in re.findall(r"deploy/[\w./-]+\w", page):
        assert (TOP / path).exists(), path
    cluster = loaded("cluster.yaml")
    assert set(re.findall(r"--cluster (\w+)", page)) == {cluster["metadata"]["name"]}
    assert set(re.findall(r"describe-cluster --name (\w+)", page)) == {cluster["metadata"]["name"]}
    assert set(re.findall(r"scale nodegroup .*--name (\w+)", page)) == {"workers"}
    assert f"AWS_REGION={cluster['metadata']['region']}" in page
    assert all(zone.startswith(cluster["metadata"]["region"]) for zone in cluster["availabilityZones"])
    (tag,) = set(re.findall(r"api-benchmark:(\S+)", page))
    (deployment, *_) = rendered().of_kind("Deployment").values()
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"].endswith(f":{tag}")
