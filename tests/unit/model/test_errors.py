"""The tree of errors: stable codes, remedies, exit codes; and which exit code wins."""

import pytest

from apibench.model import errors
from apibench.model.exit_codes import PRECEDENCE, ExitCode, first_that_holds
from apibench.model.fault import Fault, place_text

EXIT_CODES = {
    "error": 1,
    "usage": 2,
    "usage.unit": 2,
    "usage.threshold": 2,
    "usage.not_built": 2,
    "usage.words": 2,
    "usage.certificates": 2,
    "usage.secrets": 2,
    "usage.source": 2,
    "usage.keys": 2,
    "plan.unreadable": 104,
    "plan.invalid": 104,
    "scenario.untraceable": 104,
    "python.unusable": 104,
    "bundle.unusable": 104,
    "result.unreadable": 2,
    "setup.failed": 107,
    "setup.timeout": 100,
    "setup.broken_off": 105,
    "run.failed": 99,
    "target.unreachable": 111,
    "run.change": 2,
    "engine.failed": 1,
    "store.failed": 1,
    "store.conflict": 1,
    "store.stale_term": 1,
    "link.lost": 1,
    "link.refused": 2,
    "token.refused": 2,
    "token.not_allowed": 2,
    "quota.exceeded": 2,
    "target.unproven": 2,
    "code.refused": 2,
    "not_found": 2,
    "output.failed": 1,
}


def test_every_error_has_a_code_of_its_own_and_the_exit_code_that_is_promised() -> None:
    assert {error.code: int(error.exit_code) for error in errors.all_errors()} == EXIT_CODES


def test_every_error_is_told_in_the_drawing_at_the_top_of_its_file() -> None:
    for error in errors.all_errors():
        assert error.__name__ in (errors.__doc__ or "")


def test_an_error_says_what_is_wrong_and_what_to_do() -> None:
    error = errors.NotBuilt("`--http 3` is not built yet", "Leave it out.")
    assert str(error) == "`--http 3` is not built yet. Leave it out."


def test_an_invalid_plan_tells_all_its_faults() -> None:
    faults = [Fault("a", "x", "is bad", "Mend it."), Fault("b", "", "is worse", "Mend it.").at("p.yaml", 3, 7)]
    text = str(errors.PlanInvalid(faults))
    assert text == "the plan has 2 faults:\n  x: is bad. Mend it.\n  p.yaml:3:7: is worse. Mend it."


def test_invalid_words_tell_all_their_faults_and_a_single_one_without_ado() -> None:
    faults = [Fault("a", "-c", "is bad", "Mend it."), Fault("b", "-d", "is worse", "Mend it.")]
    assert str(errors.WordsInvalid(faults)) == (
        "the command line has 2 faults:\n  -c: is bad. Mend it.\n  -d: is worse. Mend it."
    )
    assert str(errors.WordsInvalid(faults[:1])) == "-c: is bad. Mend it."


def test_an_invalid_measurement_comes_before_a_failed_threshold() -> None:
    both = frozenset({ExitCode.THRESHOLD_FAILED, ExitCode.MEASUREMENT_INVALID})
    assert first_that_holds(both) is ExitCode.MEASUREMENT_INVALID


@pytest.mark.parametrize("code", PRECEDENCE)
def test_a_single_reason_is_its_own_exit_code(code: ExitCode) -> None:
    assert first_that_holds(frozenset({code})) is code


def test_no_reason_is_passed() -> None:
    assert first_that_holds(frozenset()) is ExitCode.PASSED


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("scenarios", 0, "steps", 2, "path"), "scenarios[0].steps[2].path"),
        (("hosts", "a b", "tls"), 'hosts["a b"].tls'),
        ((), ""),
    ],
)
def test_places_are_written_as_people_would(path: tuple[str | int, ...], text: str) -> None:
    assert place_text(path) == text
