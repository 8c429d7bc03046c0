"""Who an agent is to the API server, and where that is."""

import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tests.unit.provider.fake_api import NAMESPACE, FakeApi, status

from apibench.model.errors import UsageError
from apibench.provider.api_fault import ApiRefusal, ApiSilent
from apibench.provider.cluster_access import ClusterAccess
from apibench.provider.kind import JOBS

pytestmark = pytest.mark.asyncio


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)


def kubeconfig(path: Path, url: str, token: str, namespace: str | None = NAMESPACE) -> Path:
    contexts = [
        {"name": "here", "context": {"cluster": "c", "user": "u", **({"namespace": namespace} if namespace else {})}},
        {"name": "there", "context": {"cluster": "other", "user": "u"}},
    ]
    clusters = [
        {"name": "c", "cluster": {"server": url}},
        {"name": "other", "cluster": {"server": "http://127.0.0.1:1"}},
    ]
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": contexts,
        "clusters": clusters,
        "users": [{"name": "u", "user": {"token": token}}],
    }
    with path.open("w") as file:
        YAML().dump(document, file)
    return path


async def test_a_kubeconfig_says_where_who_and_in_which_namespace(api: FakeApi, tmp_path: Path) -> None:
    client = await ClusterAccess(kubeconfig(tmp_path / "config", api.url, "secret")).open()
    await client.all_of(JOBS, "")
    assert api.tokens == ["Bearer secret"]
    await client.close()


async def test_a_context_and_a_namespace_may_be_named(api: FakeApi, tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", api.url, "secret", "nowhere")
    client = await ClusterAccess(path, namespace=NAMESPACE).open()
    await client.all_of(JOBS, "")
    await client.close()
    other = await ClusterAccess(path, context="there").open()
    with pytest.raises(ApiSilent):
        await other.all_of(JOBS, "")
    await other.close()


async def test_credentials_that_do_not_hold_any_more_are_got_again(api: FakeApi, tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", api.url, "of yesterday")
    client = await ClusterAccess(path).open()
    kubeconfig(path, api.url, "of today")
    api.answer_next("list jobs", status(401, "Unauthorized", "Unauthorized"))
    with pytest.raises(ApiRefusal, match="401"):
        await client.all_of(JOBS, "")
    await client.all_of(JOBS, "")
    assert api.tokens == ["Bearer of yesterday", "Bearer of today"]
    path.write_text("{}")
    api.answer_next("list jobs", status(401, "Unauthorized", "Unauthorized"))
    with pytest.raises(ApiSilent, match="our credentials can't be renewed"):
        await client.all_of(JOBS, "")
    await client.close()


@pytest.mark.parametrize("text", ["", "{}", "[]", "a: [", "current-context: x\ncontexts: []\nclusters: []\n"])
async def test_a_kubeconfig_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(UsageError, match="the kubeconfig can't be used"):
        await ClusterAccess(path).open()


async def test_a_kubeconfig_that_is_not_there_or_whose_certificates_are_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the kubeconfig can't be used"):
        await ClusterAccess(tmp_path / "none").open()
    path = kubeconfig(tmp_path / "config", "https://127.0.0.1:1", "x")
    path.write_text(path.read_text().replace("server:", "certificate-authority: none.pem\n    server:"))
    with pytest.raises(UsageError, match="the kubeconfig can't be used"):
        await ClusterAccess(path).open()


async def test_in_a_pod_without_an_account_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(UsageError, match="this pod's account can't be used"):
        await ClusterAccess().open()


async def test_a_kubeconfig_that_is_named_goes_before_the_pod_s_account(
    api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    client = await ClusterAccess(kubeconfig(tmp_path / "config", api.url, "secret")).open()
    await client.all_of(JOBS, "")
    await client.close()


async def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "apibench.provider.kubernetes_client", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "kubernetes_asyncio"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "kubernetes_asyncio", None)
    with pytest.raises(UsageError, match="pip install 'api-benchmark\\[k8s\\]'"):
        await ClusterAccess().open()
