"""A cluster of the tests: control plane, nodes and network."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.kubernetes import program
from tests.kubernetes.api import Api, Refused
from tests.kubernetes.control_plane import ControlPlane
from tests.kubernetes.kubelet import Kubelet
from tests.kubernetes.runtime import ProcessRuntime, Runtime
from tests.network import Network
from tests.patience import Patient

TOOLS = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}


class Cluster(Patient):
    """All of it, working."""

    def __init__(self, folder: Path, network: Network, plane: ControlPlane, kubelet: Kubelet) -> None:
        self.folder = folder
        self.network = network
        self.plane = plane
        self.kubelet = kubelet
        self.api: Api = plane.api

    def new_namespace(self, name: str) -> None:
        """One in which only pods may be that are *restricted*, until its account is there."""
        self.api.ask(
            "POST",
            "/api/v1/namespaces",
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}},
        )
        self.until(
            "the namespace has an account", lambda: self.has(f"/api/v1/namespaces/{name}/serviceaccounts/default")
        )

    def has(self, path: str) -> bool:
        """Whether there is an object."""
        try:
            self.api.ask("GET", path)
        except Refused as refusal:
            if refusal.status != 404:
                raise
            return False
        return True

    def said(self) -> str:
        """The ends of all logs."""
        return f"{self.plane.said()}\n{self.kubelet.said()}"


@contextmanager
def cluster(
    folder: Path, nodes: int = 2, runtime_in: Callable[[Network], Runtime] = ProcessRuntime
) -> Iterator[Cluster]:
    """One with so many nodes; `runtime_in`: what runs their containers. Where there can be none the test is skipped."""
    missing = what_is_missing()
    if missing:
        pytest.skip(f"NOT TESTED: on Kubernetes itself, for {missing}; `make test-kubernetes` does all that is needed")
    network = Network(folder, "kubernetes")
    try:
        with ControlPlane(program.place(), folder / "plane", network) as plane:
            kubelet = Kubelet(plane.api, network, runtime_in(network), folder / "pods", nodes)
            kubelet.start()
            try:
                yield Cluster(folder, network, plane, kubelet)
            finally:
                kubelet.close()
    finally:
        network.close()


def what_is_missing() -> str:
    """Why there can be none here; empty: there can."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return "networks of its own can't be made here (root, iproute2)"
    if not program.place().exists():
        return f"its API server ({program.release()}) is not built here"
    tools = [name for name in ("helm", "kubectl") if shutil.which(name, path=TOOLS) is None]
    return f"{' and '.join(tools)} are missing" if tools else ""
