"""PodMonitors of the chart: what a Prometheus Operator is told, of which no schema is at hand, word by word."""

from typing import Any

import pytest
from tests.chart.chart import (
    EVERYTHING,
    OF_THE_OPERATOR,
    PEERS,
    RELEASE,
    VARIANTS,
    Manifest,
    Manifests,
    merged,
    rendered,
    selects,
)

from apibench.assembly.certificate_folder import own_hosts

WANTED: dict[str, Any] = {"podMonitor": {"enabled": True}, "networkPolicy": {"metricsFrom": PEERS}}


def monitors(manifests: Manifests) -> dict[str, Manifest]:
    """By component."""
    found = manifests.of_kind("PodMonitor")
    return {name.removeprefix(f"{RELEASE}-"): each for name, each in found.items()}


def test_nobody_has_any_who_has_not_asked() -> None:
    assert {name for name, told in VARIANTS.items() if monitors(rendered(*told))} == {"everything"}


def test_each_says_where_figures_are_how_often_and_who_is_believed() -> None:
    manifests = rendered("", EVERYTHING)
    endpoint = {
        "port": "http",
        "path": "/metrics",
        "interval": "17s",
        "scheme": "https",
        "tlsConfig": {
            "serverName": "figures.example",
            "ca": {"secret": {"name": "apibench-worker-tls", "key": "ca.crt"}},
        },
    }
    token = {"authorization": {"credentials": {"name": "prometheus-token", "key": "of-a-viewer"}}}
    of_jobs = {"podTargetLabels": ["apibench/run", "apibench/region"]}
    found = monitors(manifests)
    assert found.keys() == {"controller", "aggregator", "worker", "agent"}
    for component, each in found.items():
        selector = {
            "app.kubernetes.io/name": "api-benchmark",
            "app.kubernetes.io/instance": RELEASE,
            "app.kubernetes.io/component": component,
        }
        assert each["apiVersion"] == OF_THE_OPERATOR
        assert each["metadata"]["labels"]["release"] == "kube-prometheus"
        assert each["spec"] == {
            "selector": {"matchLabels": selector},
            "podMetricsEndpoints": [endpoint | (token if component == "controller" else {})],
            **(of_jobs if component == "worker" else {}),
        }


@pytest.mark.parametrize(
    ("variant", "components"),
    [
        ("default", {"aggregator", "worker"}),
        ("no-workers", {"aggregator"}),
        ("jobs", {"aggregator", "worker", "agent"}),
        ("agent-only", {"worker", "agent"}),
        ("pool-elsewhere", {"worker"}),
        ("everything", {"controller", "aggregator", "worker", "agent"}),
    ],
)
def test_there_is_one_for_each_component_that_is_there_and_it_finds_all_its_pods(
    variant: str, components: set[str]
) -> None:
    file, values = VARIANTS[variant]
    manifests = rendered(file, merged(WANTED, values))
    every = manifests.pods_that_run
    found = monitors(manifests)
    assert found.keys() == components
    for component, each in found.items():
        chosen = {name for name, pod in every.items() if selects(each["spec"]["selector"]["matchLabels"], pod)}
        assert chosen == {name for name in every if name.startswith(f"{RELEASE}-{component}")}
        for name in chosen:
            assert {"name": "http", "containerPort": 8090} in every[name]["spec"]["containers"][0]["ports"]


def test_without_certificates_it_is_plain_http() -> None:
    for each in monitors(rendered("", merged(WANTED, {"tls": {"enabled": False}}))).values():
        (endpoint,) = each["spec"]["podMetricsEndpoints"]
        assert endpoint["scheme"] == "http"
        assert "tlsConfig" not in endpoint


def test_the_name_that_is_asked_for_is_in_all_certificates_that_we_make() -> None:
    for each in monitors(rendered("", WANTED)).values():
        (endpoint,) = each["spec"]["podMetricsEndpoints"]
        assert endpoint["tlsConfig"]["serverName"] in own_hosts()
