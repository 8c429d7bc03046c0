"""The API server of Kubernetes as an admin sees it: objects as their JSON is."""

import json
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from tests.network import Network

Object = dict[str, Any]
STRATEGIC = "application/strategic-merge-patch+json"
PLURALS = {
    "ConfigMap": "configmaps",
    "Deployment": "deployments",
    "Ingress": "ingresses",
    "Job": "jobs",
    "NetworkPolicy": "networkpolicies",
    "Pod": "pods",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "StatefulSet": "statefulsets",
}
"""Of all kinds that the chart and the agent make."""


class Refused(Exception):
    """It answers with another status than success."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason


class Api:
    """Asked from the network's hub, whichever network the caller is in. Threads may share it."""

    def __init__(self, network: Network, url: str, ca_file: Path, token: str) -> None:
        self._network = network
        self._client = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            verify=ssl.create_default_context(cafile=ca_file),
            timeout=30,
            trust_env=False,
        )

    def ask(
        self, method: str, path: str, body: Object | None = None, kind: str = "application/json", **query: str
    ) -> Object:
        """What it answers. Raises Refused; httpx.TransportError where nobody answers."""
        return self.heard(method, path, body, kind, **query)[0]

    def heard(
        self, method: str, path: str, body: Object | None = None, kind: str = "application/json", **query: str
    ) -> tuple[Object, list[str]]:
        """The same, and what it warns of."""
        content = None if body is None else json.dumps(body)
        request = self._client.build_request(
            method, path, params=query, content=content, headers={"Content-Type": kind}
        )
        with self._network.seen_from("hub"):
            try:
                answer = self._client.send(request)
            except httpx.RemoteProtocolError:
                # It has closed a connection that was kept. What comes to the same twice is asked twice.
                if method == "POST":
                    raise
                answer = self._client.send(request)
        _refuse(answer)
        return answer.json(), answer.headers.get_list("warning")

    def text(self, path: str) -> str:
        """What is no JSON."""
        with self._network.seen_from("hub"):
            answer = self._client.get(path)
        _refuse(answer)
        return answer.text

    def items(self, path: str, **query: str) -> list[Object]:
        """All of a list."""
        found: list[Object] = self.ask("GET", path, None, **query)["items"]
        return found

    def watch(self, path: str, version: str) -> Iterator[Object]:
        """What happens from a version on, until the server ends it. Raises Refused, httpx.TransportError."""
        query = {"watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true"}
        request = self._client.build_request("GET", path, params=query, timeout=httpx.Timeout(30, read=None))
        with self._network.seen_from("hub"):
            answer = self._client.send(request, stream=True)
        try:
            if answer.is_error:
                answer.read()
            _refuse(answer)
            for line in answer.iter_lines():
                yield json.loads(line)
        finally:
            answer.close()

    def close(self) -> None:
        """Let go of all connections."""
        self._client.close()


def path_of(value: Mapping[str, Any], namespace: str) -> str:
    """Where objects of a kind are made."""
    version = value["apiVersion"]
    group = "/api/v1" if version == "v1" else f"/apis/{version}"
    return f"{group}/namespaces/{namespace}/{PLURALS[value['kind']]}"


def _refuse(answer: httpx.Response) -> None:
    if not answer.is_error:
        return
    try:
        told = answer.json()
    except ValueError:
        told = {}
    raise Refused(answer.status_code, told.get("reason", ""), told.get("message", answer.text))
