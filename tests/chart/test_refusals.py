"""Values that can't be: refused before anything is made, by a message that names the key."""

from typing import Any

import pytest
from tests.chart.chart import CHART, ELSEWHERE, EVERYTHING, NOT_HERE, PEERS, RELEASE, helm, merged

INGRESS = {"enabled": True, "host": "load.example"}
WRONG: list[tuple[str, dict[str, Any], list[str]]] = [
    ("misspelt", {"wroker": {"replicas": 3}}, ["wroker"]),
    ("misspelt-within", {"worker": {"replica": 3}}, ["/worker", "replica"]),
    ("wrong-type", {"worker": {"cpus": "two"}}, ["/worker/cpus"]),
    ("half-a-processor", {"worker": {"cpus": 0.5}}, ["/worker/cpus"]),
    ("fewer-than-none", {"worker": {"replicas": -1}}, ["/worker/replicas"]),
    ("no-controller", {"controller": {"replicas": 0}}, ["/controller/replicas"]),
    ("three-controllers", {"controller": {"replicas": 3}}, ["/controller/replicas"]),
    ("two-aggregators", {"aggregator": {"replicas": 2}}, ["/aggregator", "replicas"]),
    ("service-type", {"controller": {"service": {"type": "Public"}}}, ["/controller/service/type"]),
    (
        "two-controllers-on-sqlite",
        {"controller": {"replicas": 2}, "database": {"url": "sqlite:////var/lib/apibench/installation.sqlite"}},
        ["/database", "url"],
    ),
    ("sqlite-as-host", {"database": {"host": "sqlite:////file"}}, ["/database/host"]),
    ("password-in-the-open", {"database": {"password": "hunter2"}}, ["/database", "password"]),
    ("token-in-the-open", {"token": {"value": "0123456789abcdef"}}, ["/token", "value"]),
    ("server-that-nobody-asks-for", {"database": {"sslMode": "verify-full"}}, ["/database/caSecret"]),
    ("ingress-without-a-host", {"controller": {"ingress": {"enabled": True}}}, ["/controller/ingress/host"]),
    ("too-short-to-deliver", {"worker": {"terminationGracePeriodSeconds": 10}}, ["terminationGracePeriodSeconds"]),
    ("python-that-nobody-signs", {"worker": {"python": {"timeout": "5s"}}}, ["/worker/python/timeout"]),
    ("memory-without-a-unit", {"worker": {"memory": "2"}}, ["/worker/memory"]),
    ("range-that-is-a-name", {"controller": {"allow": ["shop.example"]}}, ["/controller/allow/0"]),
    ("what-is-empty", {"image": {"repository": ""}, "database": {"host": ""}}, ["/image/repository", "/database/host"]),
    ("runs-from-nowhere", {"controller": {"workersFrom": "jobs"}}, ["/controller/workersFrom"]),
    ("two-agents", {"agent": {"replicas": 2}}, ["/agent", "replicas"]),
    ("agent-that-makes-none", {"agent": {"maxWorkers": 0}}, ["/agent/maxWorkers"]),
    ("agent-that-makes-more-than-can-be", {"agent": {"maxWorkers": 10_001}}, ["/agent/maxWorkers"]),
    ("token-of-an-agent-in-the-open", {"agent": {"token": "hunter2"}}, ["/agent", "token"]),
    ("controllers-here-and-elsewhere", {"agent": {"controllers": ELSEWHERE}}, ["/agent/controllers"]),
    ("controllers-that-nobody-knows", NOT_HERE, ["/agent/controllers"]),
    (
        "controller-without-a-port",
        {**NOT_HERE, "agent": {"controllers": [*ELSEWHERE, "controller.example"]}},
        ["/agent/controllers/2"],
    ),
    (
        "controller-that-is-a-url",
        {**NOT_HERE, "agent": {"controllers": ["https://controller.example:8091"]}},
        ["/agent/controllers/0"],
    ),
    ("aggregator-without-a-controller", {"controller": {"enabled": False}}, ["/aggregator/enabled"]),
    ("controller-without-an-aggregator", {"aggregator": {"enabled": False}}, ["/aggregator/enabled"]),
    (
        "nothing-at-all",
        {**NOT_HERE, "agent": {"controllers": ELSEWHERE}, "worker": {"replicas": 0}},
        ["/agent/enabled", "/worker/replicas"],
    ),
    ("prometheus-that-nobody-lets-in", {"podMonitor": {"enabled": True}}, ["/networkPolicy/metricsFrom"]),
    (
        "prometheus-that-nobody-lets-in-at-the-controller",
        {
            "podMonitor": {"enabled": True, "controllerTokenSecret": "prometheus-token"},
            "networkPolicy": {"metricsFrom": PEERS},
        },
        ["/networkPolicy/restFrom"],
    ),
    ("figures-that-come-too-seldom", {"podMonitor": {"interval": "1m"}}, ["/podMonitor/interval"]),
    ("token-of-prometheus-in-the-open", {"podMonitor": {"token": "hunter2"}}, ["/podMonitor", "token"]),
    (
        "ingress-to-nobody",
        merged(NOT_HERE, {"agent": {"controllers": ELSEWHERE}, "controller": {"ingress": INGRESS}}),
        ["/controller/ingress/enabled"],
    ),
]


@pytest.mark.parametrize(("values", "named"), [pytest.param(*row, id=name) for name, *row in WRONG])
@pytest.mark.parametrize("verb", ["lint", "template"])
def test_a_wrong_value_is_refused_by_its_key(verb: str, values: dict[str, Any], named: list[str]) -> None:
    words = [str(CHART)] if verb == "lint" else [RELEASE, str(CHART)]
    done = helm(verb, *words, values=values)
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert not [each for each in named if each not in said], said
    assert "hunter2" not in said


def test_a_name_that_labels_have_no_room_for_is_refused() -> None:
    assert helm("template", "a" * 40, str(CHART), values=EVERYTHING).returncode == 0
    done = helm("template", "a" * 41, str(CHART), values=EVERYTHING)
    assert done.returncode != 0
    assert "at most 40" in done.stderr
