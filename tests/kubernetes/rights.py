"""What accounts may do, by what their roles say and by what the API server says."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from tests.kubernetes.api import Api, Object
from tests.kubernetes.cluster import Cluster

Right = tuple[str, str, str]
"""A verb, a group and a resource."""


class Account:
    """A ServiceAccount, and the role that has its name."""

    def __init__(self, cluster: Cluster, namespace: str, name: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._name = name
        self.user = f"system:serviceaccount:{namespace}:{name}"
        """As the API server calls it."""

    def granted(self) -> set[Right]:
        """What its role says."""
        roles = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{self._namespace}/roles"
        return _rights(self._cluster.api.ask("GET", f"{roles}/{self._name}")["rules"])

    def found(self) -> set[Right]:
        """What the API server says that it may do in its namespace."""
        kind = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview"}
        asked = {**kind, "spec": {"namespace": self._namespace}}
        with self.api() as api:
            status = api.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", asked)["status"]
        assert status["incomplete"] is False
        return _rights(status["resourceRules"])

    @contextmanager
    def api(self) -> Iterator[Api]:
        """The API server as it sees it."""
        path = f"/api/v1/namespaces/{self._namespace}/serviceaccounts/{self._name}/token"
        wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        plane = self._cluster.plane
        token = self._cluster.api.ask("POST", path, wanted)["status"]["token"]
        with closing(Api(self._cluster.network, plane.url, plane.ca_file, token)) as made:
            yield made


def _rights(rules: list[Object]) -> set[Right]:
    return {
        (verb, group, resource)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
