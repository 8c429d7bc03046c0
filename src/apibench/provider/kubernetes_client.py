"""Clients of kubernetes_asyncio, of which an API is made. Whoever imports this has the extra."""

import ssl
from pathlib import Path
from typing import Any

import yaml
from kubernetes_asyncio.client import ApiClient, Configuration
from kubernetes_asyncio.config import ConfigException, load_incluster_config, load_kube_config

from apibench.model.errors import UsageError
from apibench.provider.api_fault import ApiSilent
from apibench.provider.kubernetes_api import KubernetesApi

# A kubeconfig is a document of somebody's: what the library asserts of it is said in words, too.
_UNUSABLE = (ConfigException, yaml.YAMLError, OSError, ssl.SSLError, AssertionError, TypeError, ValueError, KeyError)


def client_in_cluster(namespace: str) -> KubernetesApi:
    """By the account of our own pod, whose token is read again every minute. Raises UsageError."""
    configuration = _configuration()
    try:
        load_incluster_config(client_configuration=configuration)
        client = ApiClient(configuration)
    except _UNUSABLE as error:
        raise UsageError(
            f"this pod's account can't be used: {error}", "Let its token be mounted: automountServiceAccountToken."
        ) from error
    return KubernetesApi(client, namespace)


async def client_of_kubeconfig(path: Path | None, context: str, namespace: str) -> KubernetesApi:
    """
    By a kubeconfig, in the context's namespace if none is named. Raises UsageError.

    Its credentials are got again where they do not hold any more: those of clouds last a quarter of an hour.
    """
    configuration = _configuration()

    async def load() -> Any:
        file = None if path is None else str(path)
        return await load_kube_config(file, context or None, configuration, persist_config=False)

    async def renew() -> None:
        try:
            await load()
        except _UNUSABLE as error:
            raise ApiSilent(f"our credentials can't be renewed: {error}") from error

    try:
        chosen = (await load()).current_context
        client = ApiClient(configuration)
    except _UNUSABLE as error:
        raise UsageError(f"the kubeconfig can't be used: {error}", "Name one that kubectl can use.") from error
    return KubernetesApi(client, namespace or chosen["context"].get("namespace") or "default", renew)


def _configuration() -> Any:
    configuration = Configuration()
    # Python 3.13 asks certificates for what those of many clusters do not have; who has signed them is still asked.
    configuration.disable_strict_ssl_verification = True
    return configuration
