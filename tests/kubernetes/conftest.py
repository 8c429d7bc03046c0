"""A cluster, and an installation on it, for all tests of a process."""

from collections.abc import Iterator

import pytest
from tests.kubernetes.cluster import Cluster, cluster
from tests.kubernetes.installation import Installation, installation
from tests.postgres import Postgres


@pytest.fixture(scope="session")
def kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A real API server with its controllers and scheduler, and two nodes."""
    with cluster(tmp_path_factory.mktemp("kubernetes")) as made:
        yield made


@pytest.fixture(scope="session")
def here(kubernetes: Cluster, tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Installation]:
    """An installation whose runs have their workers made. Each test leaves no Job in it."""
    with installation(kubernetes, tmp_path_factory.mktemp("installation"), postgres) as made:
        yield made
