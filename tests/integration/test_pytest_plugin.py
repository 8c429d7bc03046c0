"""The plugin of pytest, in test runs of its own: what runs when, what fails by what text, and what it leaves alone."""

import threading
import tomllib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import apibench
from apibench.engine.echo_server import EchoServer
from apibench.testing.one_at_a_time import one_at_a_time

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[2]
Tests = Callable[..., pytest.RunResult]


@pytest.fixture
def tests(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, echo: EchoServer) -> Tests:
    """Runs the text of a test file with the plugin alone. TARGET in it is the address of a plain target."""
    # Whether we are installed here or not, and with which plugins beside us, makes no difference.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(apibench.__file__).parents[1]))

    def run(text: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(test_it=text.replace("TARGET", repr(echo.address)))
        words = ("-p", "apibench.testing.plugin", "--strict-markers", "-W", "error", *arguments)
        return pytester.runpytest_subprocess(*words, timeout=50)

    return run


MARKED = """
import pytest

@pytest.mark.apibench(TARGET, iterations=30, vus=2, thresholds=["errors < 1%"])
def test_marked(load_result):
    assert load_result.requests == 30
    assert load_result["GET /"].p99 > 0

def test_plain():
    pass
"""


def test_a_load_is_made_only_where_it_is_asked_for(tests: Tests, echo: EchoServer) -> None:
    tests(MARKED).assert_outcomes(passed=1, skipped=1)
    tests(MARKED, "-m", "not xfail").assert_outcomes(passed=1, skipped=1)
    tests(MARKED, "-m", "not apibench").assert_outcomes(passed=1, deselected=1)
    assert echo.counts()["requests"] == 0
    tests(MARKED, "--load").assert_outcomes(passed=2)
    tests(MARKED, "-m", "apibench").assert_outcomes(passed=1, deselected=1)
    assert echo.counts()["requests"] == 60


def test_a_test_run_without_loads_imports_no_engine(tests: Tests) -> None:
    text = """
        import sys

        MODULES = ("mark_expression", "plugin")

        def test_plain():
            ours = sorted(name for name in sys.modules if name.startswith("apibench"))
            assert ours == ["apibench", "apibench.testing", *(f"apibench.testing.{each}" for each in MODULES)]
            assert "pydantic" not in sys.modules
        """
    tests(text).assert_outcomes(passed=1)
    tests(text, "--load").assert_outcomes(passed=1)


FAILING = """
import pytest

@pytest.mark.apibench(TARGET, iterations=30, vus=2, thresholds=["p99 < 1ns", "errors < 1%"])
def test_marked():
    print("never begun")
"""


def test_a_failed_threshold_fails_the_test_by_the_table_of_the_last_screen(tests: Tests) -> None:
    outcome = tests(FAILING, "--load")
    outcome.assert_outcomes(failed=1)
    outcome.stdout.re_match_lines([r"FAILED  .*: 1 of 2 thresholds failed", r"Thresholds", r"  ✗ p99 < 1ns +\d.*"])
    outcome.stdout.re_match_lines([r"  ✓ errors < 1% +0 %"])
    text = outcome.stdout.str()
    assert "never begun" not in text
    assert "Traceback" not in text
    assert "FAILED test_it.py::test_marked - Failed: FAILED  " in text
    assert "load.py" not in text, "no frames of ours"


def test_loads_of_a_test_are_judged_unless_it_says_otherwise(tests: Tests) -> None:
    text = """
        import apibench, pytest
        from apibench import User, scenario

        @scenario(base_url="http://127.0.0.1:1")
        def browse(u: User):
            u.get("/products/7")

        @pytest.mark.apibench
        def test_several(load):
            runs = [load.run(browse, base_url=TARGET, iterations=n, vus=1) for n in (5, 10)]
            assert [each.requests for each in runs] == [5, 10]

        def test_not_judged(load):
            result = load.run(TARGET, iterations=5, vus=1, thresholds=["p99 < 1ns"], judged=False)
            assert not result.passed

        def test_judged(load):
            load.run(TARGET, iterations=5, vus=1, thresholds=["p99 < 1ns"])

        def test_refused(load):
            with pytest.raises(apibench.ApibenchError):
                load.run(TARGET, rate="fast")
        """
    outcome = tests(text, "--load")
    outcome.assert_outcomes(passed=3, failed=1)
    outcome.stdout.re_match_lines([r"E? *  ✗ p99 < 1ns +\d.*"])
    tests(text).assert_outcomes(skipped=4)


def test_a_test_that_is_run_again_makes_its_load_again(
    tests: Tests, pytester: pytest.Pytester, echo: EchoServer
) -> None:
    pytester.makeconftest(
        """
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            item._initrequest()
            runtestprotocol(item, nextitem=nextitem, log=False)
            item._initrequest()
        """
    )
    tests(MARKED, "--load").assert_outcomes(passed=2)
    assert echo.counts()["requests"] == 60


def test_what_can_not_be_a_load_fails_in_words(tests: Tests) -> None:
    text = """
        import pytest

        @pytest.mark.apibench("localhost:1", duration=3)
        def test_words(): pass

        @pytest.mark.apibench(TARGET, ratte=3)
        def test_slip(): pass

        @pytest.mark.apibench("http://127.0.0.1:1/", iterations=1)
        def test_nobody(): pass

        @pytest.mark.apibench
        def test_nothing(load_result): pass
        """
    outcome = tests(text, "--load")
    outcome.assert_outcomes(failed=3, errors=1)
    said = outcome.stdout.str()
    assert "another exception occurred" not in said
    for words in (
        "apibench.run has 2 faults",
        "argument 'ratte'",
        "nothing listens on 127.0.0.1:1",
        "load_result needs a load",
    ):
        assert words in said


LIMITED = """
import dataclasses, copy, pytest
import apibench.testing.load as ours

run = ours.run

def limited(*arguments, **words):
    '''A run of which the measurement says that the generator was the limit.'''
    result = run(*arguments, **words)
    document = copy.deepcopy(result.document)
    finding = {"code": "late", "message": "the generator was late", "remedy": "Ask for less"}
    document["verdict"] = {
        **document["verdict"], "status": "invalid", "exit_code": 112, "generator": "limited", "findings": [finding]
    }
    return dataclasses.replace(result, document=document)

ours.run = limited

@pytest.mark.apibench(TARGET, iterations=5, vus=1, thresholds=["errors < 1%"])
def test_held(): pass

@pytest.mark.apibench(TARGET, iterations=5, vus=1, thresholds=["p99 < 1ns"])
def test_not_held(): pass
"""


def test_an_invalid_measurement_fails_unless_it_is_allowed_and_its_thresholds_held(tests: Tests) -> None:
    outcome = tests(LIMITED, "--load")
    outcome.assert_outcomes(failed=2)
    outcome.stdout.re_match_lines([r"INVALID  .*", r"  - the generator was late\. Ask for less"])
    assert "--load-allow-limited lets it pass" in outcome.stdout.str()
    tests(LIMITED, "--load", "--load-allow-limited").assert_outcomes(passed=1, failed=1)


def test_the_figures_are_in_the_junit_report(tests: Tests, pytester: pytest.Pytester) -> None:
    tests(MARKED, "--load", "--junit-xml=junit.xml").assert_outcomes(passed=2)
    case = ET.parse(pytester.path / "junit.xml").find(".//testcase[@name='test_marked']")  # noqa: S314 - pytest's own
    assert case is not None
    told = {each.get("name"): each.get("value") for each in case.iter("property")}
    assert (told["apibench.verdict"], told["apibench.requests"]) == ("passed", "30")
    assert told["apibench.threshold.errors < 1%"] == "0.0"
    assert float(told["apibench.p99_s"] or "nan") > 0


def test_an_application_is_served_while_its_test_lasts(tests: Tests) -> None:
    text = """
        import socket
        from urllib.parse import urlsplit
        import pytest

        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                while True:
                    message = await receive()
                    await send({"type": message["type"] + ".complete"})
                    if message["type"] == "lifespan.shutdown":
                        return
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})

        async def broken(scope, receive, send):
            raise RuntimeError("no database")

        found = []

        def test_it_answers(load, live_asgi):
            address = live_asgi(app)
            found.append(address)
            assert load.run(address, iterations=20, vus=2).total.by_status == {"200": 20}
            assert live_asgi(app) != address

        def test_it_is_gone():
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", urlsplit(found[0]).port))

        class Fails:
            async def __call__(self, scope, receive, send):
                message = await receive()
                await send({"type": "lifespan.startup.failed", "message": "no database"})

        def test_one_that_does_not_start(live_asgi):
            with pytest.raises(Exception, match="did not start"):
                live_asgi(Fails())
        """
    tests(text, "--load").assert_outcomes(passed=3)


def test_an_application_is_not_served_without_uvicorn(tests: Tests) -> None:
    text = """
        import sys
        sys.modules["uvicorn"] = None

        def test_served(live_asgi): pass
        """
    outcome = tests(text, "-rs")
    outcome.assert_outcomes(skipped=1)
    assert "live_asgi needs uvicorn" in outcome.stdout.str()


def test_the_built_in_target_is_a_fixture(tests: Tests) -> None:
    text = """
        import pytest

        @pytest.mark.parametrize("apibench_echo", [None, "status=503"], indirect=True)
        def test_it(load, apibench_echo):
            result = load.run(apibench_echo.address, iterations=10, vus=1, judged=False)
            assert apibench_echo.counts()["requests"] == 10
            assert result.errors in (0, 1)
        """
    tests(text, "--load").assert_outcomes(passed=2)


def test_under_xdist_loads_are_made_one_behind_the_other(tests: Tests) -> None:
    text = """
        import time, pytest

        @pytest.mark.parametrize("number", range(4))
        def test_it(load, number, record_property):
            result = load.run(TARGET, rate=20, duration="1s")
            barrier_s = result.document["run"]["barrier_ns"] / 1e9
            print(f"span {barrier_s} {barrier_s + result.document['run']['window_s']}")
        """
    outcome = tests(text, "--load", "-p", "xdist", "-n", "2", "-rP")
    outcome.assert_outcomes(passed=4)
    spans = sorted(
        (float(begin), float(end))
        for word, begin, end in (line.split() for line in outcome.stdout.lines if line.startswith("span "))
        if word
    )
    assert len(spans) == 4
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_a_load_waits_for_another_and_goes_on_when_that_is_over() -> None:
    began, order = threading.Event(), []

    def other() -> None:
        began.set()
        with one_at_a_time():
            order.append("other")

    with one_at_a_time():
        waiting = threading.Thread(target=other)
        waiting.start()
        began.wait()
        order.append("this")
    waiting.join()
    assert order == ["this", "other"]


def test_the_package_names_the_plugin_to_pytest() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"apibench": "apibench.testing.plugin"}
