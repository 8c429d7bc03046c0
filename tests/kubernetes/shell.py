"""What a user of a cluster types."""

import json
import os
import subprocess
from pathlib import Path

from tests.kubernetes.api import PLURALS
from tests.kubernetes.cluster import TOOLS, Cluster


class Shell:
    """In a folder of its own, within the cluster's network, and in a namespace that is made for it."""

    def __init__(self, cluster: Cluster, folder: Path, namespace: str) -> None:
        self.folder = folder
        self.namespace = namespace
        self._cluster = cluster
        cluster.new_namespace(namespace)
        config = json.loads(cluster.plane.kubeconfig.read_text())
        config["contexts"][0]["context"]["namespace"] = namespace
        (folder / "kubeconfig").write_text(json.dumps(config))

    def type(self, line: str) -> str:
        """What a line prints; it has to succeed."""
        done = subprocess.run(
            [*self._cluster.network.entered("hub"), "sh", "-ec", line],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            timeout=180,
            env={
                **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
                "PATH": TOOLS,
                "HOME": str(self.folder),
                "KUBECONFIG": str(self.folder / "kubeconfig"),
            },
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}\n{self._cluster.said()}"
        return done.stdout

    def uninstall(self, release: str) -> None:
        """Take a release away, and see that nothing of it is left."""
        self.type(f"helm uninstall {release} --wait")
        pods = f"/api/v1/namespaces/{self.namespace}/pods"
        self._cluster.until("no pod is left", lambda: not self._cluster.api.items(pods))
        kinds = ",".join(PLURALS.values())
        assert not self.type(f"kubectl get {kinds} --selector app.kubernetes.io/instance={release} --output name")
