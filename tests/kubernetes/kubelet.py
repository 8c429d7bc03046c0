"""Nodes that run pods: what kubelets and the network of a cluster do, for the real API server."""

import threading
from collections.abc import Mapping
from pathlib import Path

from tests.kubernetes.api import Api, Object
from tests.kubernetes.disks import Disks
from tests.kubernetes.pod import Pod
from tests.kubernetes.runtime import Runtime
from tests.kubernetes.watch import Watch
from tests.network import Network

ROOM = {"cpu": "16", "memory": "64Gi", "ephemeral-storage": "64Gi", "pods": "110"}
"""What each node has: far more than this machine, for nothing of it is used up by asking for it."""


class Kubelet:
    """
    Of all nodes.

    Names of Services lead to their pods: there is no address of a Service, and no policy of a network.
    """

    def __init__(self, api: Api, network: Network, runtime: Runtime, folder: Path, nodes: int) -> None:
        self.pods: dict[str, Pod] = {}
        """That there are, by uid, in the order in which they came to a node."""
        self.ended: list[Pod] = []
        """That were there."""
        self.names_outside: dict[str, str] = {}
        """Names that lead to Services from elsewhere, as those of load balancers do, by the names of the Services."""
        self._api = api
        self._network = network
        self._runtime = runtime
        self._folder = folder
        folder.mkdir()
        self._disks = Disks(api, folder / "disks")
        self._nodes = [f"node-{number}" for number in range(nodes)]
        self._lock = threading.Lock()
        self._watches = [
            Watch(api, "/api/v1/pods", self._hear),
            Watch(api, "/apis/discovery.k8s.io/v1/endpointslices", self._name),
            Watch(api, "/api/v1/persistentvolumeclaims", self._disks.hear),
        ]

    def start(self) -> None:
        """Have nodes, and begin to run what comes to them."""
        for name in self._nodes:
            self._api.ask("POST", "/api/v1/nodes", _node(name))
            # It is made with a taint, as one that is not ready; who takes that away in a cluster does not run here.
            self._api.ask("PATCH", f"/api/v1/nodes/{name}", {"spec": {"taints": None}}, "application/merge-patch+json")
        self._disks.start()
        for watch in self._watches:
            watch.start()

    def of(self, labels: Mapping[str, str]) -> list[Pod]:
        """Pods with such labels, in the order in which they came to a node."""
        with self._lock:
            return [each for each in self.pods.values() if labels.items() <= each.labels.items()]

    def said(self) -> str:
        """The ends of all logs."""
        with self._lock:
            pods = [*self.ended, *self.pods.values()]
        return "\n".join(f"--- {each.name} ({each.exit_code})\n{each.log()[-3_000:]}" for each in pods)

    def close(self) -> None:
        """End all that is left. Raises what has ended it before."""
        with self._lock:
            left = list(self.pods.values())
        for watch in self._watches:
            watch.close()
        for pod in left:
            pod.forget()
        for pod in left:
            pod.join()

    def _hear(self, kind: str, document: Object) -> None:
        uid = document["metadata"]["uid"]
        if document["spec"].get("nodeName") not in self._nodes:
            return
        with self._lock:
            pod = self.pods.get(uid)
            if pod is None and kind != "DELETED" and document["status"]["phase"] == "Pending":
                pod = Pod(self._api, self._network, self._runtime, document, self._folder / uid)
                self.pods[uid] = pod
                pod.start()
            elif pod is not None and kind == "DELETED":
                self.ended.append(self.pods.pop(uid))
        if pod is not None and kind == "DELETED":
            pod.forget()
        elif pod is not None:
            pod.hear(document)

    def _name(self, kind: str, document: Object) -> None:
        """Have the name of a Service lead to whom the API server says: as that of one without an address does."""
        metadata = document["metadata"]
        service = metadata["labels"].get("kubernetes.io/service-name", "")
        found = [
            address
            for endpoint in document["endpoints"] or ()
            if kind != "DELETED" and endpoint["conditions"].get("ready")
            for address in endpoint["addresses"]
        ]
        name = f"{service}.{metadata['namespace']}.svc.cluster.local"
        self._network.call(name, found)
        if name in self.names_outside:
            self._network.call(self.names_outside[name], found)


def _node(name: str) -> Object:
    labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": f"zone-of-{name}"}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "it runs pods as processes"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {"capacity": ROOM, "allocatable": ROOM, "conditions": [ready]},
    }
