"""The loads of one test: made one at a time, judged, and told to whoever reads the test's report."""

from inspect import signature
from typing import Any

import pytest

from apibench.assembly.python_run import run
from apibench.model.errors import ApibenchError
from apibench.model.exit_codes import ExitCode
from apibench.report.run_result import Result
from apibench.testing.one_at_a_time import one_at_a_time
from apibench.testing.properties import properties

_ALLOW = "--load-allow-limited"


class Load:
    """Makes the loads of one test."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self._marked: Result | None = None
        self._count = 0

    def run(self, what: Any, *, judged: bool = True, **words: Any) -> Result:
        """
        Make a load, as `apibench.run(what, **words)` does, while no other test on this machine makes one.

        The test fails unless the run has passed; with `judged=False` its result is returned, whatever it is.

        Raises what `apibench.run` raises.
        """
        __tracebackhide__ = True
        result = self._run(what, **words)
        if judged:
            self._judge(result)
        return result

    def run_marked(self, mark: pytest.Mark | None) -> Result:
        """What the load of the test's mark came to; it is made once. The test fails where it can't be made."""
        __tracebackhide__ = True
        if self._marked is None:
            if mark is None or not (mark.args or mark.kwargs):
                raise _failed("load_result needs a load: @pytest.mark.apibench(what, rate=..., ...)")
            try:
                said = signature(run).bind(*mark.args, **mark.kwargs)
            except TypeError as error:
                raise _failed(f"@pytest.mark.apibench takes what apibench.run takes: {error}") from None
            try:
                self._marked = self._run(*said.args, **said.kwargs)
            except ApibenchError as error:
                raise _failed(f"the load of @pytest.mark.apibench can't be made: {error}") from None
        return self._marked

    def judge_marked(self, mark: pytest.Mark) -> None:
        """The same, and the test fails unless it has passed."""
        __tracebackhide__ = True
        self._judge(self.run_marked(mark))

    def _run(self, what: Any, **words: Any) -> Result:
        with one_at_a_time():
            result = run(what, **words)
        self._count += 1
        prefix = "apibench" if self._count == 1 else f"apibench.{self._count}"
        self._item.user_properties += properties(result, prefix)
        self._item.add_report_section("call", prefix, str(result))
        return result

    def _judge(self, result: Result) -> None:
        __tracebackhide__ = True
        if result.passed:
            return
        limited = result.exit_code == ExitCode.MEASUREMENT_INVALID
        if limited and self._item.config.getoption(_ALLOW):
            if all(each.passed for each in result.thresholds):
                return
            raise _failed(result.judgement)
        hint = f"\n{_ALLOW} lets it pass where its thresholds hold.\n" if limited else ""
        raise _failed(result.judgement + hint)


def _failed(text: str) -> BaseException:
    """What `pytest.fail` raises: the text alone, without a trace through files of ours."""
    return pytest.fail.Exception(text, pytrace=False)
