"""What every test may use. Warnings are errors: see `filterwarnings` in pyproject.toml."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from tests.postgres import Postgres, running_postgres

# No wall-clock speed is asserted, on a busy machine least of all.
settings.register_profile("apibench", deadline=None)
settings.load_profile("apibench")

_PLAN = {
    "version": 1,
    "hosts": {"api": {"base_url": "http://127.0.0.1:8080"}},
    "scenarios": [
        {
            "name": "main",
            "steps": [{"type": "request", "host": "api", "path": "/items"}],
            "load": {"model": "closed", "vus": 50, "ends": {"duration_ns": 10_000_000_000}},
        }
    ],
}


@pytest.fixture
def document() -> dict[str, Any]:
    """The smallest plan with a load, as a document to break."""
    return copy.deepcopy(_PLAN)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of all tests of this process; each takes a database of its own from it."""
    with running_postgres() as server:
        yield server
