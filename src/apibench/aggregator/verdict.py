"""The verdict: one word, one exit code, and the reasons, in the order in which they count."""

from collections.abc import Sequence
from dataclasses import replace

from apibench.aggregator.merging import RunTally
from apibench.model.exit_codes import ExitCode, first_that_holds
from apibench.model.figures import human_count
from apibench.model.run import Ended
from apibench.model.verdict import GeneratorFinding, Status, ThresholdResult, Verdict

VIOLATIONS_TOLD = 3
"""One fault of ours breaks many equations; the document's reader can ask for the rest."""


def verdict(
    tally: RunTally, ended: Ended, results: tuple[ThresholdResult, ...], findings: tuple[GeneratorFinding, ...]
) -> Verdict:
    """What a run that is over came to."""
    requests, iterations = tally.main.all_requests(), tally.main.all_iterations()
    reasons: list[str] = []
    codes: set[ExitCode] = set()
    if ended == "crashed":
        reasons.append("the engine failed; what it had measured before is shown")
        codes.add(ExitCode.OUR_FAULT)
    if ended == "interrupted":
        reasons.append("it was interrupted; what was measured until then is shown")
        codes.add(ExitCode.INTERRUPTED)
    if not requests.started:
        reasons.append("nothing was sent")
        codes.add(ExitCode.NOTHING_SENT)
    reasons.extend(f"{finding.message}. {finding.remedy}" for finding in findings)
    if findings:
        codes.add(ExitCode.MEASUREMENT_INVALID)
    if requests.started and not requests.ok:
        reasons.append(f"nothing succeeded: not one of {human_count(requests.started)} requests was ok")
        codes.add(ExitCode.THRESHOLD_FAILED)
    elif iterations.failed and not iterations.ok:
        # Its first requests may have been ok each time: what the scenario is about never happened.
        reasons.append(f"nothing succeeded: not one of {human_count(iterations.started)} iterations was ok")
        codes.add(ExitCode.THRESHOLD_FAILED)
    failed = [result for result in results if not result.passed]
    if failed:
        reasons.extend(f"{result.threshold}: {'no data' if result.no_data else 'not held'}" for result in failed)
        codes.add(ExitCode.THRESHOLD_FAILED)
    exit_code = first_that_holds(frozenset(codes))
    return Verdict(_status(codes), exit_code, "limited" if findings else "valid", tuple(reasons), results, findings)


def distrusted(judged: Verdict, violations: Sequence[str]) -> Verdict:
    """The verdict of a run whose own figures do not add up: our fault, whatever else it came to."""
    told = tuple(f"our figures do not add up: {violation}" for violation in violations[:VIOLATIONS_TOLD])
    return replace(judged, status="invalid", exit_code=ExitCode.OUR_FAULT, reasons=(*told, *judged.reasons))


def _status(codes: set[ExitCode]) -> Status:
    if codes & {ExitCode.OUR_FAULT, ExitCode.NOTHING_SENT, ExitCode.MEASUREMENT_INVALID}:
        return "invalid"
    return "failed" if codes else "passed"
