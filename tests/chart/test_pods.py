"""The pods of the chart as processes: each container's own command and environment, at an address of its own."""

import asyncio
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from tests.chart.chart import EVERYTHING, NOT_HERE, RELEASE, Manifest, Manifests, merged, rendered
from tests.distributed.processes import TOKEN, Processes, open_plan
from tests.postgres import Postgres

from apibench.assembly.certificate_folder import make_certificates
from apibench.assembly.rest_client import RestClient
from apibench.engine.echo_server import EchoServer
from apibench.model.provision import AgentFacts, AgentOrders, AgentReport
from apibench.wire.grpc_agents import GrpcAgentLink
from apibench.wire.security import Security

pytestmark = pytest.mark.timeout(180)
PASSWORD = "correct-horse"
WORKERS = 2


class Cluster:
    """What Kubernetes would give to the pods: addresses, names, volumes and what is in secrets."""

    def __init__(self, folder: Path, manifests: Manifests) -> None:
        self.folder = folder
        self.manifests = manifests
        self.pods = manifests.pods
        # A network of this test's own on loopback, so that each pod has the ports that its manifest says.
        network = f"127.{random.SystemRandom().randint(1, 250)}.{random.SystemRandom().randint(1, 250)}"
        several = f"{RELEASE}-worker", f"{RELEASE}-worker-pod"
        names = [name for name in self.pods if name not in several]
        names += [f"{name}-{number}" for name in several for number in range(WORKERS)]
        self.addresses = {name: f"{network}.{number}" for number, name in enumerate(names, 1)}
        self.secrets = {
            ("apibench-token", "token"): TOKEN,
            ("apibench-database", "password"): PASSWORD,
            ("collector", "headers"): "authorization=Bearer%20of-the-collector",
        }

    def pod(self, name: str) -> Manifest:
        """Of that name; workers are made from one template."""
        return self.pods.get(name) or self.pods[name.rpartition("-")[0]]

    def here(self, text: str, name: str) -> str:
        """A word of a pod's, with its addresses, names and volumes where they are on this machine."""
        (container,) = self.pod(name)["spec"]["containers"]
        text = text.replace("=0.0.0.0:", f"={self.addresses[name]}:")
        for service, address in self.addresses.items():
            text = text.replace(f"{service}:", f"{address}:")
        for mount in container["volumeMounts"]:
            kept = self.folder / name if mount["name"] in ("folder", "tmp") else self.folder / mount["name"]
            text = text.replace(mount["mountPath"], str(kept))
        return text

    def words(self, name: str) -> list[str]:
        """What a pod's container is started with."""
        (container,) = self.pod(name)["spec"]["containers"]
        return [self.here(each, name) for each in container["args"]]

    def environment(self, name: str) -> dict[str, str]:
        """What it finds in its environment: as much as a secret has, and nothing of ours."""
        (container,) = self.pod(name)["spec"]["containers"]
        found = {"APIBENCH_TOKEN": "", "APIBENCH_STORE": "postgresql://nobody@nowhere.invalid/none"}
        for each in container["env"]:
            reference = each.get("valueFrom", {}).get("secretKeyRef")
            found[each["name"]] = (
                self.secrets[reference["name"], reference["key"]] if reference else self.here(each["value"], name)
            )
        return found

    def probe(self, name: str, kind: str) -> int:
        """What a kubelet would be answered."""
        (container,) = self.pod(name)["spec"]["containers"]
        asked = container[kind]["httpGet"]
        (port,) = (each["containerPort"] for each in container["ports"] if each["name"] == asked["port"])
        return self.status(f"{asked['scheme'].lower()}://{self.addresses[name]}:{port}{asked['path']}")

    def scrape(self, name: str) -> int:
        """What Prometheus would be answered."""
        told = self.pod(name)["metadata"]["annotations"]
        scheme, port, path = (told[f"prometheus.io/{each}"] for each in ("scheme", "port", "path"))
        return self.status(f"{scheme}://{self.addresses[name]}:{port}{path}")

    def status(self, url: str) -> int:
        """Of an answer, whoever's certificate that is; 0 where nobody listens."""
        try:
            return httpx.get(url, timeout=5, verify=False).status_code  # noqa: S501 - that is what a kubelet does
        except httpx.TransportError:
            return 0


@pytest.fixture
def cluster(tmp_path: Path, postgres: Postgres) -> Cluster:
    """All that the pods are given; nothing runs yet."""
    database = urlsplit(postgres.new_database())
    user = postgres.new_user(database.path[1:], PASSWORD)
    where = {
        "host": database.hostname,
        "port": database.port,
        "name": database.path[1:],
        "user": user,
        "sslMode": "prefer",
        "caSecret": "",
    }
    values = merged(EVERYTHING, {"database": where, "worker": {"replicas": WORKERS, "tokenSecret": ""}})
    return furnished(Cluster(tmp_path, rendered("", values)))


def furnished(made: Cluster) -> Cluster:
    """With files in all volumes."""
    certs, keys = made.folder / "certs", made.folder / "python" / "keys"
    make_certificates(certs, list(made.addresses.values()), days=1, renew=False)
    (made.folder / "tls").mkdir()
    # One certificate does for all here: they have the same names.
    for source, name in (("ca.pem", "ca.crt"), ("controller.pem", "tls.crt"), ("controller.key", "tls.key")):
        (certs / source).rename(made.folder / "tls" / name)
    for name in ("python", "data", "secrets"):
        (made.folder / name).mkdir()
    make = [sys.executable, "-m", "apibench", "keys", "--file", str(made.folder / "signer")]
    subprocess.run(make, check=True, capture_output=True)
    keys.write_text((made.folder / "signer.pub").read_text())
    (made.folder / "secrets" / "SHOP").write_text(PASSWORD)
    return made


@pytest.fixture
def here(cluster: Cluster) -> Iterator[Processes]:
    """Processes of the pods."""
    made = Processes(cluster.folder, "")
    yield made
    made.close()


def start(here: Processes, cluster: Cluster, name: str, *words: str) -> None:
    here.environment_of[name] = cluster.environment(name)
    here.start(name, *cluster.words(name), *words)


def answers(cluster: Cluster, name: str, kind: str, status: int = 200) -> Callable[[], bool]:
    return lambda: cluster.probe(name, kind) == status


def test_pods_as_the_chart_makes_them_are_an_installation_that_finishes_runs(cluster: Cluster, here: Processes) -> None:
    controllers = [f"{RELEASE}-controller-0", f"{RELEASE}-controller-1"]
    workers = [f"{RELEASE}-worker-{number}" for number in range(WORKERS)]
    aggregator = f"{RELEASE}-aggregator"
    # Kubernetes starts both at once, on a database that has no tables yet.
    for name in controllers:
        start(here, cluster, name)
    for name in controllers:
        here.until(name, answers(cluster, name, "startupProbe"))
    # They are reached by the aggregator before one is ready, and it is ready only then.
    assert [cluster.probe(name, "readinessProbe") for name in controllers] == [503, 503]
    for name in (aggregator, *workers):
        start(here, cluster, name)
    for name in (aggregator, *workers):
        here.until(name, answers(cluster, name, "readinessProbe"))
    here.until("one leads", lambda: bool(ready(cluster, controllers)))
    (leading,) = ready(cluster, controllers)
    (waiting,) = {*controllers} - {leading}
    assert cluster.probe(waiting, "livenessProbe") == 200
    here.client = client(cluster, leading)
    here.until_idle(WORKERS)
    assert ready_pod(cluster, leading).returncode == 0
    assert {cluster.scrape(name) for name in (aggregator, *workers)} == {200}
    with EchoServer(http="127.0.0.1:0") as target:
        plan = open_plan(target.address, 200, 2)
        plan["scenarios"][0]["steps"][0]["headers"] = {"X-Shop": "${secret:SHOP}"}
        document = here.result(here.run(plan=plan, workers_from="pool"))
        counted = target.counts()["requests"]
    assert document["requests"]["ok"] == document["load"]["offered"] == 400 == counted, here.said()
    assert {each["region"] for each in here.ask("GET", "/v1/workers")["workers"]} == {"frankfurt"}
    # The one that leads is taken away: the other one is ready in its place.
    assert here.end(leading) == 0, here.said()
    here.until("the other one leads", answers(cluster, waiting, "readinessProbe"))
    here.client = client(cluster, waiting)
    here.until_idle(WORKERS)
    assert [here.end(name) for name in (*workers, aggregator, waiting)] == [0] * 4, here.said()
    assert all((cluster.folder / name / "worker" / "name").exists() for name in workers)
    assert PASSWORD not in here.said()


def test_pods_of_jobs_take_part_in_their_run_alone_and_end_with_it(cluster: Cluster, here: Processes) -> None:
    controller, aggregator = f"{RELEASE}-controller-0", f"{RELEASE}-aggregator"
    workers = [f"{RELEASE}-worker-pod-{number}" for number in range(WORKERS)]
    for name in (controller, aggregator):
        start(here, cluster, name)
    for name in (controller, aggregator):
        here.until(name, answers(cluster, name, "readinessProbe"))
    here.client = client(cluster, controller)
    # The test is the agent, and starts what the Job that it would make has Kubernetes start.
    assert asyncio.run(reported(cluster, controller)).wanted == ()
    with EchoServer(http="127.0.0.1:0") as target:
        run_id = here.run(plan=open_plan(target.address, 200, 2), workers=WORKERS)
        (wanted,) = asyncio.run(reported(cluster, controller)).wanted
        assert (wanted.run_id, wanted.count) == (run_id, WORKERS)
        for name in workers:
            start(here, cluster, name, f"--run={run_id}")
        document = here.result(run_id)
        counted = target.counts()["requests"]
    assert document["requests"]["ok"] == document["load"]["offered"] == 400 == counted, here.said()
    assert [here.exit_code(name) for name in workers] == [0] * WORKERS, here.said()


async def reported(cluster: Cluster, controller: str) -> AgentOrders:
    """What the agent of the release is told, by its name and from its region."""
    folder = cluster.folder / "tls"
    security = Security(TOKEN, folder / "ca.crt", folder / "tls.crt", folder / "tls.key")
    link = GrpcAgentLink(f"{cluster.addresses[controller]}:8091", security)
    try:
        return await link.report(AgentReport(AgentFacts(f"{RELEASE}-agent", "i", "frankfurt", "k8s-job", "0")))
    finally:
        await link.close()


def client(cluster: Cluster, controller: str) -> RestClient:
    """Of a user, by the Service of REST, which leads to whoever is ready."""
    (port,) = (each["port"] for each in cluster.manifests.of_kind("Service")[f"{RELEASE}-controller"]["spec"]["ports"])
    return RestClient(f"https://{cluster.addresses[controller]}:{port}", TOKEN, ca_file=cluster.folder / "tls/ca.crt")


def ready(cluster: Cluster, names: list[str]) -> list[str]:
    """Who is ready."""
    return [name for name in names if cluster.probe(name, "readinessProbe") == 200]


def ready_pod(cluster: Cluster, name: str, attempts: int = 30) -> subprocess.CompletedProcess[str]:
    """What `helm test` would run, by this Python."""
    (container,) = cluster.pods[f"{RELEASE}-test"]["spec"]["containers"]
    python, *words = container["command"] + container["args"]
    assert python == "/usr/bin/python3.11"
    words = [
        each.replace(f"//{RELEASE}-controller:", f"//{cluster.addresses[name]}:")
        .replace("/etc/apibench/tls", str(cluster.folder / "tls"))
        .replace("range(30)", f"range({attempts})")
        for each in words
    ]
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)


def test_the_test_of_a_release_fails_where_nobody_is_ready(cluster: Cluster) -> None:
    done = ready_pod(cluster, f"{RELEASE}-controller-0", attempts=1)
    assert done.returncode == 1
    assert "/readyz: " in done.stderr


def dialling_pod(controllers: list[str], tls: Path | None, attempts: int = 30) -> subprocess.CompletedProcess[str]:
    """What `helm test` would run of a release whose controllers are elsewhere, by this Python."""
    values = {"agent": {"enabled": True, "controllers": controllers}, "tls": {"enabled": tls is not None}}
    (container,) = rendered("", merged(NOT_HERE, values)).pods[f"{RELEASE}-test"]["spec"]["containers"]
    _, *words = container["command"] + container["args"]
    words = [each.replace("/etc/apibench/tls", str(tls)).replace("range(30)", f"range({attempts})") for each in words]
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)


def test_the_test_of_a_release_without_controllers_dials_each_of_those_elsewhere(
    cluster: Cluster, here: Processes
) -> None:
    names = [f"{RELEASE}-controller-{number}" for number in range(2)]
    there, away = (f"{cluster.addresses[name]}:8091" for name in names)
    start(here, cluster, names[0])
    here.until(names[0], answers(cluster, names[0], "startupProbe"))
    tls = cluster.folder / "tls"
    done = dialling_pod([there], tls)
    assert (done.returncode, done.stdout) == (0, f"reached: {there}\n"), done.stderr
    done = dialling_pod([there, away], tls, attempts=1)
    assert done.returncode == 1
    assert away in done.stderr
    assert there not in done.stderr
    # Of another authority: of the controller's certificate nothing is known, and of ours the controller knows nothing.
    strange = cluster.folder / "strange"
    make_certificates(strange, list(cluster.addresses.values()), days=1, renew=False)
    for source, name in (("ca.pem", "ca.crt"), ("worker.pem", "tls.crt"), ("worker.key", "tls.key")):
        (strange / source).rename(strange / name)
    assert "certificate verify failed" in dialling_pod([there], strange, attempts=1).stderr
    (strange / "ca.crt").write_bytes((tls / "ca.crt").read_bytes())
    done = dialling_pod([there], strange, attempts=1)
    assert done.returncode == 1
    assert there in done.stderr


def test_it_does_so_in_plain_text_too(tmp_path: Path) -> None:
    with closing(Processes(tmp_path, f"sqlite:///{tmp_path}/installation.sqlite")) as here:
        here.start_controller()
        here.ask("GET", "/healthz")
        done = dialling_pod([here.grpc], None)
    assert (done.returncode, done.stdout) == (0, f"reached: {here.grpc}\n"), done.stderr


@pytest.mark.parametrize(
    ("password", "ssl_mode", "said"),
    [("another", "prefer", "password authentication failed"), (PASSWORD, "require", "server does not support SSL")],
)
def test_the_database_is_asked_as_secret_and_values_say(
    cluster: Cluster, here: Processes, password: str, ssl_mode: str, said: str
) -> None:
    name = f"{RELEASE}-controller-0"
    cluster.secrets["apibench-database", "password"] = password
    here.environment_of[name] = cluster.environment(name)
    here.start(name, *(each.replace("sslmode=prefer", f"sslmode={ssl_mode}") for each in cluster.words(name)))
    assert here.exit_code(name) != 0
    assert said in here.log(name)
