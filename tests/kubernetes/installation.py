"""An installation on a cluster, made by what docs/kubernetes.md says is to be typed."""

import base64
import socket
import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.distributed.processes import Processes
from tests.integration.pages import ROOT, blocks_of
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.pod import Pod
from tests.kubernetes.shell import Shell
from tests.network import HUB, Network
from tests.postgres import Postgres
from tests.relay import relay

from apibench.assembly.rest_client import RestClient
from apibench.engine.echo_server import EchoServer

NAMESPACE = "load"
DATABASE = "db.example"
"""As the page calls it."""
BLOCKS = {
    block.heading: block.commands
    for page in ("kubernetes.md", "regions.md")
    for block in blocks_of(ROOT / "docs" / page)
    if block.language == "text"
}
"""What the pages say is to be typed, by heading."""
_NAMESPACE, *INSTALL, TEST = BLOCKS["Installing it"]
HAVE_AGENT, _ = BLOCKS["Workers for each run"]
CERTIFICATES = BLOCKS["The installation, reached from elsewhere"][0]
REGION = "eu"
OUTSIDE = {f"{NAMESPACE}-controller-0": "controller-0.example", f"{NAMESPACE}-aggregator": "aggregator.example"}
"""By which names Services are reached from elsewhere, as the page calls them."""
assert _NAMESPACE.startswith("kubectl create namespace load && ")
assert TEST == "helm test load"


class Client(RestClient):
    """Of a user within the cluster, who reaches its Services by their names."""

    def __init__(self, network: Network, url: str, domain: str, token: str, ca_file: Path) -> None:
        super().__init__(url, token, ca_file=ca_file)
        self._opener = urllib.request.build_opener(_Within(network, domain, self._context))


class _Within(urllib.request.HTTPSHandler):
    def __init__(self, network: Network, domain: str, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._network = network
        self._domain = domain
        self._trusts = context

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        def connection(host: str, **words: Any) -> HTTPSConnection:
            made = HTTPSConnection(host, context=self._trusts, **words)
            setattr(made, "_create_connection", self._connect)  # noqa: B010 - it is not said to be there
            return made

        answer: HTTPResponse = self.do_open(connection, req)
        return answer

    def _connect(self, address: tuple[str, int], timeout: float | None, *_: object) -> socket.socket:
        return self._network.connect(f"{address[0]}.{self._domain}", address[1], timeout)


class Installation(Processes):
    """The release `load`, asked over REST by the Service that leads to the controller which leads."""

    def __init__(self, cluster: Cluster, shell: Shell) -> None:
        super().__init__(shell.folder, "")
        self.cluster = cluster
        self.shell = shell
        url, domain = f"https://{NAMESPACE}-controller:8090", f"{NAMESPACE}.svc.cluster.local"
        self.client = Client(cluster.network, url, domain, token_of(cluster), self.folder / "certs/ca.pem")

    def said(self) -> str:
        """The ends of all logs."""
        return self.cluster.said()

    def jobs(self, run_id: str) -> list[dict[str, Any]]:
        """Those of a run, in all namespaces."""
        return self._made("/apis/batch/v1", "jobs", run_id)

    def target(self) -> EchoServer:
        """One that its pods reach."""
        with self.cluster.network.seen_from("hub"):
            return EchoServer(http=f"{HUB}:0")

    def workers(self, run_id: str) -> list[Pod]:
        """Pods of a run, in the order in which they came to nodes."""
        return self.cluster.kubelet.of({"apibench/run": run_id})

    def ended(self, run_id: str) -> list[Pod]:
        """Those that are gone, in the order in which they went."""
        return [each for each in self.cluster.kubelet.ended if each.labels.get("apibench/run") == run_id]

    def fails(self, run_id: str) -> str:
        """Wait until a run fails; why it does."""
        self.until("the run fails", lambda: self.state(run_id) == "failed")
        reason: str = self.ask("GET", f"/v1/runs/{run_id}")["reason"]
        return reason

    def until_nothing_is_left(self, run_id: str) -> None:
        """Wait until nothing is there that was made for a run; of a Job its pods go first."""
        self.until("no Job is left", lambda: not self.jobs(run_id))
        assert self._made("/api/v1", "pods", run_id) == []
        self.until("nothing of its pods is left", lambda: not self.workers(run_id))
        self.until("nothing is wanted", lambda: run_id not in self._wanted())

    def _wanted(self) -> list[str]:
        """For which runs agents are to have workers."""
        return [each["run"] for agent in self.agents() for each in agent["provisions"]]

    def _made(self, group: str, plural: str, run_id: str) -> list[dict[str, Any]]:
        return self.cluster.api.items(f"{group}/{plural}", labelSelector=f"apibench/run={run_id}")

    @contextmanager
    def quota(self, what: str, hard: str) -> Iterator[None]:
        """Of the namespace, for as long as the context lasts."""
        quotas = f"/api/v1/namespaces/{NAMESPACE}/resourcequotas"
        document = {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "little"},
            "spec": {"hard": {what: hard}},
        }
        self.cluster.api.ask("POST", quotas, document)
        # Until it is counted what is used there is no room at all, and another refusal.
        self.until(
            "it is in force", lambda: "hard" in self.cluster.api.ask("GET", f"{quotas}/little").get("status", {})
        )
        try:
            yield
        finally:
            self.cluster.api.ask("DELETE", f"{quotas}/little")


@contextmanager
def installation(
    cluster: Cluster, folder: Path, postgres: Postgres, values: Mapping[str, str] | None = None
) -> Iterator[Installation]:
    """One whose runs have their workers made; taken away again. `values`: of the chart, beyond what the page says."""
    database = urlsplit(postgres.new_database()).path[1:]
    password = "correct-horse"
    user = postgres.new_user(database, password)
    cluster.network.call(DATABASE, [HUB])
    with cluster.network.seen_from("hub"):
        listening = socket.create_server((HUB, 5432))
    relay(listening, postgres.port)
    (folder / "deploy").symlink_to(ROOT / "deploy")
    (folder / "password.txt").write_text(password)
    own = {
        "database.name": database,
        "database.user": user,
        "database.sslMode": "prefer",
        "aggregator.advertise": f"{OUTSIDE[f'{NAMESPACE}-aggregator']}:8092",
    }
    for name, outside in OUTSIDE.items():
        cluster.kubelet.names_outside[f"{name}.{NAMESPACE}.svc.cluster.local"] = outside
    try:
        shell = Shell(cluster, folder, NAMESPACE)
        for line in INSTALL:
            if line.startswith("apibench certs "):
                shell.type(CERTIFICATES)
            elif line.startswith("helm install "):
                # A database that is called otherwise than the page's, and has no certificate; and a name for elsewhere.
                shell.type(line + "".join(f" --set {name}={value}" for name, value in own.items()))
            else:
                shell.type(line)
        more = "".join(f" --set {name}={value}" for name, value in (values or {}).items())
        shell.type(f"{HAVE_AGENT} --set worker.region={REGION}{more} --wait --timeout 2m")
        shell.type(TEST)
        yield Installation(cluster, shell)
        shell.uninstall(NAMESPACE)
    finally:
        listening.shutdown(socket.SHUT_RDWR)


def token_of(cluster: Cluster) -> str:
    """The installation's."""
    secret = cluster.api.ask("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/apibench-token")
    return base64.b64decode(secret["data"]["token"]).decode()
