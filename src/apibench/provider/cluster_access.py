"""How an agent comes to the API server: by the account of its own pod, or by a kubeconfig."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from apibench.model.errors import UsageError

if TYPE_CHECKING:
    from apibench.provider.kubernetes_api import KubernetesApi

NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
NOT_INSTALLED = "Jobs of Kubernetes need kubernetes_asyncio, which is not installed"


@dataclass(frozen=True, slots=True)
class ClusterAccess:
    """What is said of it; empty: what is found where we are."""

    kubeconfig: Path | None = None
    """Without one: the pod's own account, and out of a cluster the kubeconfig of `KUBECONFIG` or of the user."""
    context: str = ""
    """Of the kubeconfig."""
    namespace: str = ""

    async def open(self) -> "KubernetesApi":
        """Read all that is needed; nobody is asked yet. Raises UsageError."""
        try:
            # Only here: an extra, and so large that nobody else is to load it.
            from apibench.provider.kubernetes_client import client_in_cluster, client_of_kubeconfig  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise UsageError(NOT_INSTALLED, "Do: pip install 'api-benchmark[k8s]'.") from error
        if self.kubeconfig is None and not self.context and "KUBERNETES_SERVICE_HOST" in os.environ:
            return client_in_cluster(self.namespace or _own_namespace())
        return await client_of_kubeconfig(self.kubeconfig, self.context, self.namespace)


def _own_namespace() -> str:
    try:
        return NAMESPACE_FILE.read_text(encoding="utf-8").strip() or "default"
    except OSError:
        return "default"
