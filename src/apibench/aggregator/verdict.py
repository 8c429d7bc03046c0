"""The verdict: one word, one exit code, and the reasons, in the order in which they count."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from apibench.aggregator.caps import DROPPED_SHARE
from apibench.aggregator.merging import RunTally
from apibench.model.exit_codes import ExitCode, first_that_holds
from apibench.model.figures import human_count, human_share
from apibench.model.run import Ended
from apibench.model.tally import IterationTally
from apibench.model.verdict import GeneratorFinding, Status, ThresholdResult, Verdict

WORKERS_NAMED = 3
VIOLATIONS_TOLD = 3
"""One fault of ours breaks many equations; the document's reader can ask for the rest."""


@dataclass(frozen=True, slots=True)
class FleetEnd:
    """What became of the workers of a run on an installation."""

    lost: tuple[str, ...] = ()
    """Workers that were lost."""
    left: int = 1
    """How many with a share of the plan were not."""
    least: int = 1
    """With fewer than that the run does not count."""
    lost_iterations: int = 0


def verdict(
    tally: RunTally,
    ended: Ended,
    results: tuple[ThresholdResult, ...],
    findings: tuple[GeneratorFinding, ...],
    fleet: FleetEnd | None = None,
) -> Verdict:
    """What a run that is over came to. `fleet`: of one on an installation, which only its API can stop."""
    requests, iterations = tally.main.all_requests(), tally.main.all_iterations()
    reasons: list[str] = []
    codes: set[ExitCode] = set()
    if ended == "crashed":
        reasons.append("the engine failed; what it had measured before is shown")
        codes.add(ExitCode.OUR_FAULT)
    if fleet is not None:
        _judge_fleet(fleet, ended, results, reasons, codes)
    elif ended == "interrupted":
        reasons.append("it was interrupted; what was measured until then is shown")
        codes.add(ExitCode.INTERRUPTED)
    if not requests.started:
        _judge_silence(tally.warmup.all_requests().started, reasons, codes)
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
    _judge_drops(iterations, results, findings, reasons, codes)
    failed = [result for result in results if not result.passed]
    if failed:
        reasons.extend(f"{result.threshold}: {_failure(result)}" for result in failed)
        codes.add(ExitCode.THRESHOLD_FAILED)
    if ended == "aborted" and not codes:
        # Whoever ended it had a reason, even one that nobody has put into words: it is no run that has passed.
        reasons.append("it was ended early; what was measured until then is shown")
        codes.add(ExitCode.THRESHOLD_FAILED)
    exit_code = first_that_holds(frozenset(codes))
    return Verdict(_status(codes), exit_code, "limited" if findings else "valid", tuple(reasons), results, findings)


def _judge_silence(in_the_warmup: int, reasons: list[str], codes: set[ExitCode]) -> None:
    """Of what is measured nothing was sent."""
    if in_the_warmup:
        reasons.append(
            f"nothing was measured: it did not get beyond its warm-up, of which {human_count(in_the_warmup)} "
            f"{'request was' if in_the_warmup == 1 else 'requests were'} sent"
        )
        codes.add(ExitCode.THRESHOLD_FAILED)
    else:
        reasons.append("nothing was sent")
        codes.add(ExitCode.NOTHING_SENT)


def _judge_drops(
    iterations: IterationTally,
    results: Sequence[ThresholdResult],
    findings: Sequence[GeneratorFinding],
    reasons: list[str],
    codes: set[ExitCode],
) -> None:
    """The load was not the one asked for, by no fault of ours. Who expects drops says how many are too many."""
    dropped = iterations.dropped["cap"] + iterations.dropped["deadline"]
    judged = any(result.threshold.metric == "dropped" for result in results)
    ours = any(finding.code == "dropped" for finding in findings)
    if dropped > DROPPED_SHARE * iterations.offered and not judged and not ours:
        reasons.append(
            f"{human_count(dropped)} of {human_count(iterations.offered)} due iterations "
            f"({human_share(dropped, iterations.offered)}) were never started: the target was too slow for so few "
            "connections. If that is as it should be, judge it: --threshold 'dropped < 1%'"
        )
        codes.add(ExitCode.THRESHOLD_FAILED)


def _failure(result: ThresholdResult) -> str:
    if result.no_data:
        return "no data"
    return "not held, and so it ended the run" if result.ended_the_run else "not held"


def _judge_fleet(
    fleet: FleetEnd, ended: Ended, results: Sequence[ThresholdResult], reasons: list[str], codes: set[ExitCode]
) -> None:
    by_threshold = any(result.threshold.abort and not result.passed for result in results)
    too_few = bool(fleet.lost) and fleet.left < fleet.least
    if too_few:
        reasons.append(
            f"{human_count(len(fleet.lost))} of its workers were lost, {human_count(fleet.left)} "
            f"{'was' if fleet.left == 1 else 'were'} left and it needs {human_count(fleet.least)}"
        )
        codes.add(ExitCode.WORKER_LOST)
    elif ended == "interrupted" or (ended == "aborted" and not by_threshold):
        reasons.append(
            f"it was {'stopped' if ended == 'interrupted' else 'aborted'}; what was measured until then is shown"
        )
        codes.add(ExitCode.STOPPED_BY_API)
    if fleet.lost and not too_few:
        names = ", ".join(fleet.lost[:WORKERS_NAMED]) + (" and others" if len(fleet.lost) > WORKERS_NAMED else "")
        reasons.append(f"lost on the way: {names}; {human_count(fleet.lost_iterations)} iterations were lost with that")
    elif fleet.lost_iterations and not fleet.lost:
        count = human_count(fleet.lost_iterations)
        reasons.append(f"{count} iterations were nobody's: who was to have them did not hear in time")


def distrusted(judged: Verdict, violations: Sequence[str]) -> Verdict:
    """The verdict of a run whose own figures do not add up: our fault, whatever else it came to."""
    told = tuple(f"our figures do not add up: {violation}" for violation in violations[:VIOLATIONS_TOLD])
    return replace(judged, status="invalid", exit_code=ExitCode.OUR_FAULT, reasons=(*told, *judged.reasons))


def _status(codes: set[ExitCode]) -> Status:
    if codes & {ExitCode.OUR_FAULT, ExitCode.NOTHING_SENT, ExitCode.MEASUREMENT_INVALID}:
        return "invalid"
    return "failed" if codes else "passed"
