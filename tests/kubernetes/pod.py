"""
One pod as a kubelet has it: its container is started, asked how it is, started again, and taken down with its grace.

Its command, variables, volumes, probes and ports are those of its manifest. Names are answered as in a cluster.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from tests.kubernetes.api import STRATEGIC, Api, Object, Refused
from tests.kubernetes.runtime import IMAGE, Container, Furnished, Runtime
from tests.kubernetes.volumes import Volumes
from tests.network import HUB, Network

PORT = 6443
PAUSE_S = 0.05
"""How often it is looked whether a probe is due."""
AGAIN_S = 1.0
"""How long a container that has ended is left alone before it is started again."""
SAID = 2_048
_PROBES = ("startup", "readiness", "liveness")


class Pod:
    """What goes on of one pod, on a thread of its own."""

    def __init__(self, api: Api, network: Network, runtime: Runtime, document: Object, folder: Path) -> None:
        """`network`: from whose hub it is asked how it is. `folder` is not there yet."""
        self.document = document
        """As the API server has it."""
        self.name: str = document["metadata"]["name"]
        self.namespace: str = document["metadata"]["namespace"]
        self.ready = False
        self.came_s = time.monotonic()
        """When it came to its node."""
        self.exit_code: int | None = None
        """Of its container, when it last ended."""
        self.restarts = 0
        self.container: Container | None = None
        self.address = runtime.join(document)
        self.folder = folder
        folder.mkdir()
        (folder / "log").touch()
        self._api = api
        self._network = network
        self._runtime = runtime
        self._volumes = Volumes(api, document, folder, self.address)
        (self._wanted,) = document["spec"]["containers"]
        self._unwanted = threading.Event()
        self._gone = threading.Event()
        self._stirred = threading.Event()
        """It is unwanted, or its container has ended: it is looked at at once."""
        self._since = {"Ready": "", "ContainersReady": ""}
        self._began = ""
        self._resolver = folder / "resolv.conf"
        self._resolver.write_text(_resolver(document))
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    @property
    def labels(self) -> dict[str, str]:
        """As its manifest has them."""
        labels: dict[str, str] = self.document["metadata"].get("labels", {})
        return labels

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def hear(self, document: Object) -> None:
        """What the API server says of it now."""
        self.document = document
        if "deletionTimestamp" in document["metadata"]:
            self._unwanted.set()
            self._stirred.set()

    def forget(self) -> None:
        """The API server has it no more."""
        self._gone.set()
        self._unwanted.set()
        self._stirred.set()

    def join(self) -> None:
        """Wait until nothing of it goes on. It has to be forgotten."""
        self._thread.join()

    def kill(self) -> None:
        """Its container, as the kernel does that has no memory left."""
        self._signal(signal.SIGKILL)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Its container does nothing, for as long as the context lasts."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def log(self) -> str:
        """What its container has said, through all starts."""
        return (self.folder / "log").read_text(errors="replace")

    def callers(self) -> set[str]:
        """From which addresses there are connections with ports that it listens at."""
        command = [*self._network.entered(self.document["metadata"]["uid"]), "ss", "-Htna"]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        sockets = [(state, *local.rsplit(":", 1), peer) for state, _, _, local, peer, *_ in map(str.split, lines)]
        own = {port for state, _, port, _ in sockets if state == "LISTEN"}
        return {peer.rpartition(":")[0] for state, _, port, peer in sockets if state != "LISTEN" and port in own}

    def _signal(self, number: signal.Signals) -> None:
        assert self.container is not None
        self.container.send_signal(number)

    def _run(self) -> None:
        try:
            environment = self._furnish()
            if environment is not None:
                self._live(environment)
            self._unwanted.wait()
            self._delete()
        finally:
            self._runtime.leave(self.document)

    def _furnish(self) -> dict[str, str] | None:
        """The environment, once there is all that its container is to have; None: it is not wanted any more."""
        self._say("Pending", {"waiting": {"reason": "ContainerCreating"}})
        while not self._unwanted.is_set():
            try:
                self._volumes.make()
                return self._environment()
            except Refused:  # a secret that is not there yet
                self._unwanted.wait(AGAIN_S)
        return None

    def _live(self, environment: Mapping[str, str]) -> None:
        while True:
            mounts = self._volumes.mounts(self._wanted)
            furnished = Furnished(self.document, self.folder, environment, mounts, self._resolver)
            self.container = self._runtime.start(furnished, self._stirred.set)
            self._began = _now()
            code = self._attend(self.container)
            self.ready, self.container = False, None
            self.exit_code = 128 - code if code < 0 else code
            state = {"terminated": self._end(self.exit_code)}
            if self._unwanted.is_set() or self.document["spec"]["restartPolicy"] == "Never":
                self._say("Failed" if self.exit_code else "Succeeded", state)
                return
            self.restarts += 1
            self._say("Running", {"waiting": {"reason": "CrashLoopBackOff"}}, lastState=state)
            self._unwanted.wait(AGAIN_S)

    def _attend(self, container: Container) -> int:
        """Until it ends: ask how it is, and end it where it is unwell or unwanted. Its code, as Python has it."""
        probes = {kind: Probe(self._wanted, kind, self.address) for kind in _PROBES}
        pause_s = PAUSE_S if any(each.asked for each in probes.values()) else None
        begun, ready = False, False
        self._say("Running", {"running": {"startedAt": self._began}}, started=False)
        while (code := container.poll()) is None:
            if self._unwanted.is_set():
                return self._take_down(container)
            if not begun:
                begun = probes["startup"].good(self._network)
                if probes["startup"].bad:
                    return self._take_down(container)
                if begun and not probes["readiness"].asked:
                    ready = True
            else:
                ready = probes["readiness"].good(self._network)
                probes["liveness"].good(self._network)
                if probes["liveness"].bad:
                    return self._take_down(container)
            if ready != self.ready:
                self.ready = ready
                self._say("Running", {"running": {"startedAt": self._began}}, started=True)
            self._stirred.wait(pause_s)
            self._stirred.clear()
        return code

    def _take_down(self, container: Container) -> int:
        metadata = self.document["metadata"]
        own: int = self.document["spec"]["terminationGracePeriodSeconds"]
        grace_s = 0 if self._gone.is_set() else metadata.get("deletionGracePeriodSeconds", own)
        self.ready = False
        container.terminate()
        try:
            return container.wait(grace_s)
        except subprocess.TimeoutExpired:
            container.kill()
            return container.wait()

    def _environment(self) -> dict[str, str]:
        kept = {key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ}
        # A kubelet tells every container where the API server is.
        told = {"KUBERNETES_SERVICE_HOST": HUB, "KUBERNETES_SERVICE_PORT": str(PORT)}
        return {**kept, **IMAGE.environment, **told, **self._volumes.environment(self._wanted)}

    def _end(self, code: int) -> Object:
        said = ""
        if code and self._wanted.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            said = self.log()[-SAID:]
        reason = "Error" if code else "Completed"
        return {"exitCode": code, "reason": reason, "message": said, "startedAt": self._began, "finishedAt": _now()}

    def _say(self, phase: str, state: Object, **more: Any) -> None:
        """Have the API server know how it is."""
        stands = {
            "name": self._wanted["name"],
            "image": self._wanted["image"],
            "imageID": "",
            "ready": self.ready,
            "restartCount": self.restarts,
            "state": {"waiting": None, "running": None, "terminated": None, **state},
            **more,
        }
        told = {
            "phase": phase,
            "hostIP": HUB,
            "hostIPs": [{"ip": HUB}],
            "podIP": self.address,
            "podIPs": [{"ip": self.address}],
            "conditions": [
                {"type": "Initialized", "status": "True"},
                *(
                    {"type": kind, "status": str(self.ready), "lastTransitionTime": self._turned(kind)}
                    for kind in self._since
                ),
            ],
            "containerStatuses": [stands],
        }
        metadata = {"uid": self.document["metadata"]["uid"]}
        path = f"/api/v1/namespaces/{self.namespace}/pods/{self.name}/status"
        while not self._gone.is_set():
            try:
                self._api.ask("PATCH", path, {"metadata": metadata, "status": told}, STRATEGIC)
            except Refused as refusal:
                if refusal.status not in (404, 409):  # it is gone, or there is another of its name
                    raise
                self.forget()
            except httpx.TransportError:  # a connection that was kept too long
                self._gone.wait(PAUSE_S)
            else:
                return

    def _turned(self, kind: str) -> str:
        before, _, since = self._since[kind].partition(" ")
        if before != str(self.ready):
            since = _now()
            self._since[kind] = f"{self.ready} {since}"
        return since

    def _delete(self) -> None:
        if self._gone.is_set():
            return
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "gracePeriodSeconds": 0,
            "preconditions": {"uid": self.document["metadata"]["uid"]},
        }
        try:
            self._api.ask("DELETE", f"/api/v1/namespaces/{self.namespace}/pods/{self.name}", options)
        except Refused as refusal:
            if refusal.status not in (404, 409):
                raise


class Probe:
    """How a container is asked whether it has begun, is ready, or lives; as often as its manifest says."""

    def __init__(self, container: Object, kind: str, address: str) -> None:
        self.asked: Object | None = container.get(f"{kind}Probe")
        """What its manifest says; None: nobody asks."""
        self.bad = False
        """Whether it was so for as often as is borne."""
        self._good = self.asked is None
        self._failures = 0
        self._due_s = 0.0
        if self.asked is not None:
            of = self.asked["httpGet"]
            port = next(each["containerPort"] for each in container["ports"] if each["name"] == of["port"])
            self._url = f"{of.get('scheme', 'HTTP').lower()}://{address}:{port}{of['path']}"

    def good(self, network: Network) -> bool:
        """Whether it was so when it was last asked; it is asked if it is time."""
        if self.asked is not None and time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + self.asked["periodSeconds"]
            if self._answers(network, self.asked["timeoutSeconds"]):
                self._good, self._failures = True, 0
            else:
                self._failures += 1
                if self._failures >= self.asked["failureThreshold"]:
                    self._good, self.bad = False, True
        return self._good

    def _answers(self, network: Network, timeout_s: float) -> bool:
        try:
            with network.seen_from("hub"):
                answer = httpx.get(self._url, timeout=timeout_s, verify=False, trust_env=False)  # noqa: S501
        except httpx.TransportError:
            return False
        return 200 <= answer.status_code < 400


def _resolver(document: Object) -> str:
    """As `dnsPolicy: ClusterFirst` has it, with what the pod says beside."""
    namespace = document["metadata"]["namespace"]
    told = document["spec"].get("dnsConfig", {}).get("options", [])
    options = {"ndots": "5"} | {each["name"]: each.get("value", "") for each in told}
    words = " ".join(f"{name}:{value}" if value else name for name, value in options.items())
    domains = f"{namespace}.svc.cluster.local svc.cluster.local cluster.local"
    return f"nameserver {HUB}\nsearch {domains}\noptions {words}\n"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
