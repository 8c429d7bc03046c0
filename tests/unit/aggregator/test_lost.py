"""What a worker owes whose rows have run out: nothing more, whether it lives or dies. And what nobody owns."""

from typing import Any

import pytest

from apibench.aggregator.iteration_counts import IterationCounts
from apibench.aggregator.lost import Debts, disagreements, losses_of, losses_of_nobody, lost_in
from apibench.aggregator.segment_book import Progress, SegmentBook
from apibench.aggregator.windows import Grid
from apibench.authoring.plan_file import parse_plan_document
from apibench.model.ledger import Ledger, Revision
from apibench.model.share import WHOLE
from apibench.model.timeline import Timeline
from apibench.report.equations import schedule_violations

S = 1_000_000_000
PLAN = parse_plan_document(
    {
        "version": 1,
        "warmup": "2s",
        "hosts": {"a": {"url": "http://127.0.0.1:1"}},
        "scenarios": [{"name": "s", "load": {"rate": "5/s", "duration": "9s"}, "steps": [{"type": "request"}]}],
    }
)
LEDGER = Ledger((Revision(0, 0, {0: WHOLE}, reason="start"),))
ENDED: dict[str, dict[Any, IterationCounts]] = {
    "in the load": {
        (0, "warmup"): IterationCounts(10, 10, 10),
        (0, "main"): IterationCounts(offered=8, started=7, ended=7, dry=1),
    },
    "in the warm-up": {(0, "warmup"): IterationCounts(offered=8, started=7, ended=7, dry=1)},
}


@pytest.mark.parametrize("where", ENDED)
@pytest.mark.parametrize("dry", [True, False])
def test_nothing_is_owed_behind_the_last_row(where: str, dry: bool) -> None:  # noqa: FBT001 - of a table
    iterations: Any = {
        key: IterationCounts(each.offered, each.started, each.ended) for key, each in ENDED[where].items()
    }
    progress = Progress(batches=4, end_ns=4 * S, iterations=ENDED[where] if dry else iterations)
    book = SegmentBook(0, "w-1", "", durable=progress)
    debts, grid = Debts(PLAN), Grid(Timeline.of(PLAN))
    assert (disagreements(book, LEDGER, debts, whole=True) == []) == dry
    assert (losses_of(book, LEDGER, debts, grid, 11 * S) == {}) == dry
    again = Progress.of_document(progress.to_document())
    assert again == progress


@pytest.mark.parametrize(("horizon_s", "lost"), [(3, 0), (4, 5), (6, 10), (11, 10)])
def test_what_no_segment_owns_is_lost_until_one_does_and_no_further_than_things_have_fallen_due(
    horizon_s: int, lost: int
) -> None:
    some, others = WHOLE.split([1, 1])
    ledger = Ledger((*LEDGER.revisions, Revision(1, 3 * S, {}), Revision(2, 5 * S, {0: some, 1: others})))
    debts, grid = Debts(PLAN), Grid(Timeline.of(PLAN))
    found = losses_of_nobody(ledger, debts, grid, horizon_s * S, ())
    assert lost_in([found]).total() == lost
    assert found.keys() == {second * S for second in (3, 4) if second < horizon_s}
    assert losses_of_nobody(ledger, debts, grid, horizon_s * S, (0,)) == {}
    assert losses_of_nobody(LEDGER, debts, grid, horizon_s * S, ()) == {}


def test_an_older_aggregator_s_notes_tell_of_none() -> None:
    document = Progress(iterations={(0, "main"): IterationCounts(1, 1, 1)}).to_document()
    document["iterations"] = [row[:6] for row in document["iterations"]]
    assert Progress.of_document(document).iterations[0, "main"].dry == 0


@pytest.mark.parametrize(
    ("offered", "dry", "fits"), [(45, 0, True), (44, 0, False), (8, 1, True), (8, 0, False), (46, 1, False)]
)
def test_a_complete_run_offers_what_its_plan_owes_unless_its_rows_ran_out(offered: int, dry: int, fits: bool) -> None:  # noqa: FBT001
    dropped = {"cap": 0, "deadline": 0, "ended": 0, "dry": dry}
    document = {
        "run": {"ended": "complete", "plan": PLAN.document()},
        "scenarios": [{"name": "s", "iterations": {"offered": offered, "dropped": dropped}}],
        "intervals": [{"scenarios": [{"scenario": 0, "dropped": dropped}]}],
    }
    assert (list(schedule_violations(document)) == []) == fits
