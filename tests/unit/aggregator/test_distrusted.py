"""A run whose own figures contradict each other can't be trusted, and says so before anything else."""

from apibench.aggregator.verdict import VIOLATIONS_TOLD, distrusted
from apibench.model.exit_codes import ExitCode
from apibench.model.verdict import Verdict

PASSED = Verdict("passed", ExitCode.PASSED, "valid", ("everything held",))


def test_figures_that_do_not_add_up_make_a_passed_run_invalid_by_our_fault() -> None:
    judged = distrusted(PASSED, ["the run: offered: 1 where 2 was due"])
    assert (judged.status, judged.exit_code) == ("invalid", ExitCode.OUR_FAULT)
    assert judged.reasons == ("our figures do not add up: the run: offered: 1 where 2 was due", "everything held")


def test_of_many_violations_the_first_few_are_told() -> None:
    judged = distrusted(PASSED, [str(number) for number in range(100)])
    assert len(judged.reasons) == VIOLATIONS_TOLD + 1
