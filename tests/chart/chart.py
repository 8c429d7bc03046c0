"""The chart, rendered by the real helm, and values to render it with."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

TOP = Path(__file__).parents[2]
CHART = TOP / "deploy" / "helm" / "api-benchmark"
RELEASE = "load"
COMPONENTS = ("controller", "aggregator", "worker", "agent")
AGENT_LABELS = {
    "app.kubernetes.io/name": "api-benchmark",
    "app.kubernetes.io/component": "worker",
    "app.kubernetes.io/managed-by": "apibench-agent",
    "apibench/agent": f"{RELEASE}-agent",
    "apibench/run": "01jq",
    "apibench/region": "frankfurt",
}
"""Of the pods of Jobs: so that an agent finds its own."""
OF_THE_OPERATOR = "monitoring.coreos.com/v1"
"""Of the only kind that is not of Kubernetes itself."""
Manifest = dict[str, Any]

TOLD = {"image": {"repository": "registry.example/api-benchmark"}, "database": {"host": "db.example"}}
"""What nobody can guess."""
ANYWHERE = {
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {"nodeAffinity": {}},
    "podAnnotations": {"note": "ours"},
    "serviceAccountAnnotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/load"},
}
PEERS = [{"ipBlock": {"cidr": "10.1.0.0/16"}}, {"namespaceSelector": {"matchLabels": {"team": "load"}}}]
EVERYTHING: Mapping[str, Any] = {
    "image": {"digest": f"sha256:{'0' * 64}", "pullPolicy": "Always", "pullSecrets": ["registry"]},
    "database": {"sslMode": "verify-full", "caSecret": "apibench-database-ca"},
    "controller": {
        "replicas": 2,
        "allow": ["127.0.0.0/8", "10.0.0.0/8"],
        "allowProven": True,
        "allowPython": True,
        "workersFrom": "agent",
        "otlp": "http://127.0.0.1:4318",
        "otlpSecret": "collector",
        "ingress": {"enabled": True, "className": "nginx", "host": "load.example", "tlsSecret": "load-tls"},
        "podDisruptionBudget": True,
        "topologySpread": "DoNotSchedule",
        **ANYWHERE,
    },
    "aggregator": {"keep": "91d", "podDisruptionBudget": True, **ANYWHERE},
    "worker": {
        "tokenSecret": "apibench-worker-token",
        "region": "frankfurt",
        "labels": {"rack": "seven-and-a-half"},
        "storage": {"className": "fast"},
        "secretsSecret": "plan-secrets",
        "dataClaim": "rows",
        "python": {"keysConfigMap": "trusted", "processes": 13, "timeout": "11s", "memory": "3GiB"},
        "topologySpread": "DoNotSchedule",
        **ANYWHERE,
    },
    "agent": {"enabled": True, "maxWorkers": 77, "tokenSecret": "apibench-agent-token", **ANYWHERE},
    "networkPolicy": {"restFrom": PEERS, "workersFrom": PEERS, "metricsFrom": PEERS},
    "prometheusAnnotations": True,
    "podMonitor": {
        "enabled": True,
        "labels": {"release": "kube-prometheus"},
        "interval": "17s",
        "serverName": "figures.example",
        "controllerTokenSecret": "prometheus-token",
        "controllerTokenKey": "of-a-viewer",
    },
}
"""Every value that adds something to an installation."""
ELSEWHERE = ["controller-0.example:8091", "[2001:db8::1]:8091"]
NOT_HERE: dict[str, Any] = {
    "controller": {"enabled": False},
    "aggregator": {"enabled": False},
    "database": {"host": ""},
}
"""No installation, but what belongs to one elsewhere; no database is told."""
VARIANTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "default": ("", {}),
    "no-workers": ("", {"worker": {"replicas": 0}}),
    "jobs": ("", {"agent": {"enabled": True}, "worker": {"replicas": 0}, "controller": {"workersFrom": "agent"}}),
    "agent-only": (
        "values-agent.yaml",
        {**NOT_HERE, "agent": {"controllers": ELSEWHERE}, "worker": {"region": "sydney"}},
    ),
    "pool-elsewhere": ("", {**NOT_HERE, "agent": {"controllers": ELSEWHERE}, "tls": {"enabled": False}}),
    "plain": ("", {"tls": {"enabled": False}}),
    "eks": ("values-eks.yaml", {"controller": {"ingress": {"host": "load.example"}}, "agent": {"enabled": True}}),
    "everything": ("", EVERYTHING),
}
"""A file of values of the chart, and values over it."""


class Manifests(list[Manifest]):
    """All objects of a release."""

    def of_kind(self, kind: str) -> dict[str, Manifest]:
        """Those of one kind, by name."""
        return {each["metadata"]["name"]: each for each in self if each["kind"] == kind}

    @property
    def pods(self) -> dict[str, Manifest]:
        """All that a pod is made from, by the name of what makes it or has it for an agent: `metadata`, `spec`."""
        made = {
            name: each["spec"]["template"]
            for kind in ("Deployment", "StatefulSet")
            for name, each in self.of_kind(kind).items()
        }
        return made | self.of_kind("Pod") | self.pods_of_jobs

    @property
    def pods_of_jobs(self) -> dict[str, Manifest]:
        """What an agent is to make pods from, by the ConfigMap that it is told it by; none without an agent."""
        maps = self.of_kind("ConfigMap").items()
        return {name: YAML(typ="safe").load(each["data"]["pod.yaml"]) for name, each in maps}

    @property
    def pods_that_run(self) -> dict[str, Manifest]:
        """All pods, those of Jobs with what their agent says of them."""
        return self.pods | {name: as_agents_make_it(pod) for name, pod in self.pods_of_jobs.items()}

    @property
    def services(self) -> Iterator[tuple[str, Manifest]]:
        """The pods that a service of ours runs in, with their only container."""
        for name, pod in self.pods.items():
            (container,) = pod["spec"]["containers"]
            if container["name"] in COMPONENTS:
                yield name, container


def helm(
    *words: str, values: Mapping[str, Any] | None = None, told: Mapping[str, Any] = TOLD
) -> subprocess.CompletedProcess[str]:
    """Helm, with values over those that everybody has to tell; from the top of the repository."""
    found = shutil.which("helm", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("helm is missing: in CI the tests of the chart are never left out")
        pytest.skip("NOT TESTED: the chart, for helm is missing; `make helm` brings it")
    return subprocess.run(
        [found, *words, "--values", "-"],
        input=json.dumps(merged(told, values or {})),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=TOP,
    )


def merged(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    """Both, with the higher one's word where both have one."""
    deep = {
        key: merged(low[key], value) if isinstance(value, Mapping) and isinstance(low.get(key), Mapping) else value
        for key, value in high.items()
    }
    return {**low, **deep}


def rendered(file: str = "", values: Mapping[str, Any] | None = None, release: str = RELEASE) -> Manifests:
    """All objects of a release, with a file of values of the chart."""
    return rendered_over([CHART / file] if file else [], values, release)


def rendered_over(files: Iterable[Path], values: Mapping[str, Any] | None = None, release: str = RELEASE) -> Manifests:
    """The same, with any files of values."""
    told = [word for file in files for word in ("--values", str(file))]
    done = helm("template", release, str(CHART), "--namespace", "tests", *told, values=values)
    assert done.returncode == 0, done.stderr
    return Manifests(each for each in YAML(typ="safe").load_all(done.stdout) if each)


def of_variants(*names: str) -> Any:
    """A fixture: manifests of each of these variants."""

    @pytest.fixture(params=names, scope="module")
    def manifests(request: pytest.FixtureRequest) -> Manifests:
        return rendered(*VARIANTS[request.param])

    return manifests


def as_agents_make_it(pod: Manifest) -> Manifest:
    """The pod of a Job: with what its agent says of it."""
    metadata = pod["metadata"]
    return {**pod, "metadata": {**metadata, "labels": {**metadata["labels"], **AGENT_LABELS}}}


def selects(selector: Mapping[str, str], pod: Manifest) -> bool:
    """Whether labels are those of a pod."""
    labels: dict[str, str] = pod["metadata"]["labels"]
    return selector.items() <= labels.items()
