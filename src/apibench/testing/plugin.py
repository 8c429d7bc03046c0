"""
The plugin of pytest: `@pytest.mark.apibench(...)`, `load`, `load_result`, `live_asgi`, `apibench_echo`.

pytest loads this file wherever we are installed. So it imports nothing of ours by itself, changes nothing of
anybody's, and a test run without loads never pays for an engine.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from apibench.testing.mark_expression import asks_for

if TYPE_CHECKING:
    from apibench.engine.echo_server import EchoServer
    from apibench.report.run_result import Result
    from apibench.testing.load import Load

MARK = "apibench"
_LOAD = pytest.StashKey["Load"]()
_REASON = "it makes a load: --load, or -m apibench"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The two flags."""
    group = parser.getgroup("apibench", "API Benchmark")
    group.addoption("--load", action="store_true", help="run tests that make a load")
    group.addoption(
        "--load-allow-limited",
        action="store_true",
        help="let a load pass whose generator was the limit, if its thresholds held",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The mark."""
    config.addinivalue_line(
        "markers",
        f"{MARK}(what, **words): make a load first, as apibench.run(what, **words) does, and fail unless it passes; "
        "without arguments: the test makes loads itself. Runs only with --load or -m apibench.",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that make a load are skipped unless they are asked for."""
    if _asked_for(config):
        return
    for item in items:
        if item.get_closest_marker(MARK) is not None:
            item.add_marker(pytest.mark.skip(reason=_REASON))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test that is run again makes its load again."""
    if _LOAD in item.stash:
        del item.stash[_LOAD]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Before the test itself: its mark's load, and whether that has passed. The test fails then, and not its set-up."""
    mark = item.get_closest_marker(MARK)
    if mark is not None and (mark.args or mark.kwargs):
        _load_of(item).judge_marked(mark)


@pytest.fixture
def load(request: pytest.FixtureRequest) -> "Load":
    """Makes loads: `load.run(what, **words)` is `apibench.run`, judged unless `judged=False`."""
    return _load(request)


@pytest.fixture
def load_result(request: pytest.FixtureRequest) -> "Result":
    """What the load of the test's mark came to. The test begins only if it has passed."""
    return _load(request).run_marked(request.node.get_closest_marker(MARK))


@pytest.fixture
def live_asgi() -> "Iterator[Callable[[object], str]]":
    """Serves an ASGI application while the test lasts: `live_asgi(app)` is its URL. Needs uvicorn."""
    pytest.importorskip("uvicorn", reason="live_asgi needs uvicorn: pip install uvicorn")
    from apibench.testing.live_server import LiveServers  # noqa: PLC0415 - as the file says

    with LiveServers() as servers:
        yield servers.serve


@pytest.fixture
def apibench_echo(request: pytest.FixtureRequest) -> "Iterator[EchoServer]":
    """The built-in target, with `address` and `counts()`; its parameter, if it is given one, are the server's knobs."""
    from apibench.engine.echo_server import EchoServer  # noqa: PLC0415 - as the file says

    with EchoServer(knobs=getattr(request, "param", None)) as server:
        yield server


def _load(request: pytest.FixtureRequest) -> "Load":
    if not _asked_for(request.config):
        pytest.skip(_REASON)
    return _load_of(request.node)


def _load_of(item: pytest.Item) -> "Load":
    from apibench.testing.load import Load  # noqa: PLC0415 - as the file says

    return item.stash.setdefault(_LOAD, Load(item))


def _asked_for(config: pytest.Config) -> bool:
    return bool(config.getoption("--load")) or asks_for(config.getoption("-m") or "", MARK)
