"""A segment on its worker: what the controller's words do to the engine, and what is answered."""

from collections.abc import Sequence

from apibench.model.control import Armed, ChangeAnswer, Commit, Prepare, Prepared, Propose, StartAt, Withdraw
from apibench.model.errors import ChangeRefused, EngineFailed, TargetUnreachable
from apibench.model.ledger import NOTHING
from apibench.model.load import Rate
from apibench.model.rate_change import RateChange
from apibench.model.share import WHOLE, Share
from apibench.model.worker import SegmentPhase
from apibench.worker.segment_machine import FOR_EVER_NS, LATE_NS, SegmentMachine

S = 1_000_000_000
HALF = WHOLE.split([1, 1])[0]
RATES = (RateChange(0, 5 * S, Rate(count=9, per_ns=S)),)


class Engine:
    """Writes down what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.refuses = False
        self.lease_holds = True

    def start(self, barrier_ns: int, share: Share, lease_until_ns: int) -> None:
        self.asked.append(("start", barrier_ns, share, lease_until_ns))
        if self.refuses:
            raise EngineFailed("it will not", "Ask again.")

    def change(self, effective_ns: int, share: Share, rates: Sequence[RateChange]) -> None:
        if self.refuses:
            raise ChangeRefused("too late", "Ask earlier.")
        self.asked.append(("change", effective_ns, share, tuple(rates)))

    def extend_lease(self, until_ns: int) -> bool:
        self.asked.append(("lease", until_ns))
        return self.lease_holds

    def stop(self) -> None:
        self.asked.append(("stop",))

    def abort(self) -> None:
        self.asked.append(("abort",))

    def give_up(self) -> None:
        self.asked.append(("give up",))


def preparing() -> tuple[SegmentMachine, Engine]:
    engine = Engine()
    return SegmentMachine(Prepare("r", 0, "{}", "", "", WHOLE), engine), engine


def ready(*, on_lost_control: str = "stop", share: Share = WHOLE) -> tuple[SegmentMachine, Engine]:
    engine = Engine()
    machine = SegmentMachine(Prepare("r", 0, "{}", "", "", share, on_lost_control=on_lost_control), engine)
    assert machine.prepared(None) == [Prepared("r", 0)]
    return machine, engine


def running(*, on_lost_control: str = "stop") -> tuple[SegmentMachine, Engine]:
    machine, engine = ready(on_lost_control=on_lost_control)
    assert machine.start_at(StartAt("r", 0, 10 * S, 0), 9 * S, 19 * S) == [Armed("r", 0)]
    machine.tick(10 * S)
    engine.asked.clear()
    return machine, engine


def test_it_begins_when_it_is_told_and_says_so_as_often_as_it_is_told() -> None:
    machine, engine = ready()
    for _ in range(2):
        assert machine.start_at(StartAt("r", 0, 10 * S, 0), 9 * S, 19 * S) == [Armed("r", 0)]
    assert engine.asked == [("start", 10 * S, WHOLE, 19 * S)]
    phases = [machine.phase]
    machine.tick(10 * S)
    assert [*phases, machine.phase] == [SegmentPhase.ARMED, SegmentPhase.RUNNING]
    assert machine.status(12 * S).run_offset_ns == 2 * S


def test_one_that_is_dismissed_before_its_start_is_given_up_and_one_that_runs_is_aborted() -> None:
    for machine, engine in (ready(), preparing()):
        machine.dismiss()
        assert engine.asked == [("give up",)]
        assert machine.forgettable
    machine, engine = running()
    machine.dismiss()
    assert engine.asked == [("abort",)]


def test_a_word_to_start_that_comes_too_late_is_no_start() -> None:
    machine, engine = ready()
    assert machine.start_at(StartAt("r", 0, 10 * S, 0), 10 * S - LATE_NS + 1, 19 * S) == []
    assert (machine.phase, engine.asked) == (SegmentPhase.FAILED, [])
    spare, engine = ready(share=NOTHING)
    assert spare.start_at(StartAt("r", 0, 10 * S, 0), 60 * S, 70 * S) == [Armed("r", 0)]


def test_what_can_t_be_prepared_or_started_has_failed() -> None:
    machine = SegmentMachine(Prepare("r", 0, "{}", "", "", WHOLE), Engine())
    answers = machine.prepared(TargetUnreachable("nobody is there", "Start it."))
    assert answers == [Prepared("r", 0, "target.unreachable", "nobody is there", "Start it.")]
    assert machine.phase is SegmentPhase.FAILED
    machine, engine = ready()
    engine.refuses = True
    assert machine.start_at(StartAt("r", 0, 10 * S, 0), 9 * S, 19 * S) == []
    assert machine.phase is SegmentPhase.FAILED


def test_a_lease_that_has_run_out_fences_it_and_nothing_extends_it() -> None:
    machine, engine = running()
    machine.lease(25 * S)
    assert (machine.phase, engine.asked) == (SegmentPhase.RUNNING, [("lease", 25 * S)])
    engine.lease_holds = False
    machine.lease(35 * S)
    assert machine.phase is SegmentPhase.FENCED


def test_who_is_given_no_lease_any_more_sends_nothing() -> None:
    machine, engine = running()
    machine.disowned()
    assert (machine.phase, engine.asked) == (SegmentPhase.FENCED, [("abort",)])


def test_who_finishes_alone_needs_no_lease() -> None:
    machine, engine = ready(on_lost_control="finish")
    machine.start_at(StartAt("r", 0, 10 * S, 0), 9 * S, 19 * S)
    assert engine.asked == [("start", 10 * S, WHOLE, FOR_EVER_NS)]
    machine.lease(25 * S)
    assert len(engine.asked) == 1


def test_a_share_changes_once_it_holds_and_only_once() -> None:
    machine, engine = running()
    assert machine.propose(Propose("r", 0, 1, 5 * S, HALF, ())) == [ChangeAnswer("r", 0, 1)]
    assert engine.asked == [], "nothing is given up before all have agreed"
    for _ in range(2):
        assert machine.commit(Commit("r", 0, 1)) == [ChangeAnswer("r", 0, 1)]
    assert engine.asked == [("change", 5 * S, HALF, ())]
    assert machine.propose(Propose("r", 0, 1, 6 * S, WHOLE, ()))[0].fault == "revision 1 holds already"  # type: ignore[union-attr]


def test_other_rates_are_withheld_until_they_hold_for_all() -> None:
    machine, engine = running()
    machine.propose(Propose("r", 0, 1, 5 * S, WHOLE, RATES))
    assert engine.asked == [("change", 5 * S, NOTHING, ())]
    machine.commit(Commit("r", 0, 1))
    assert engine.asked[1:] == [("change", 5 * S, WHOLE, RATES)]


def test_rates_that_are_withdrawn_leave_everything_as_it_was() -> None:
    machine, engine = running()
    machine.propose(Propose("r", 0, 1, 5 * S, WHOLE, RATES))
    machine.withdraw(Withdraw("r", 0, 1))
    assert engine.asked[1:] == [("change", 5 * S, WHOLE, ())]
    assert machine.commit(Commit("r", 0, 1)) == [ChangeAnswer("r", 0, 1, "nothing like that was proposed")]


def test_what_is_withdrawn_too_late_puts_it_out() -> None:
    machine, engine = running()
    machine.propose(Propose("r", 0, 1, 5 * S, WHOLE, RATES))
    engine.refuses = True
    machine.withdraw(Withdraw("r", 0, 1))
    assert (machine.phase, engine.asked[-1]) == (SegmentPhase.FENCED, ("stop",))


def test_what_the_engine_refuses_is_told() -> None:
    machine, engine = running()
    machine.propose(Propose("r", 0, 1, 5 * S, HALF, ()))
    engine.refuses = True
    assert machine.commit(Commit("r", 0, 1)) == [ChangeAnswer("r", 0, 1, "too late")]
    assert machine.status(11 * S).revision == 0


def test_it_is_done_once_all_that_it_measured_is_safe() -> None:
    machine, _ = running()
    machine.sealed = 3
    machine.ended(fenced=False)
    assert machine.phase is SegmentPhase.ENDED
    machine.safe(2)
    assert not machine.over
    machine.safe(3)
    assert (machine.phase, machine.over, machine.forgettable) == (SegmentPhase.DONE, True, False)
    machine.dismiss()
    assert machine.forgettable


def test_what_an_earlier_process_left_sends_nothing_and_is_still_to_come() -> None:
    machine = SegmentMachine.left_behind("r", 0, 4)
    assert (machine.phase, machine.final, machine.over) == (SegmentPhase.FENCED, True, False)
    assert machine.start_at(StartAt("r", 0, 10 * S, 0), 9 * S, 19 * S) == []
    machine.safe(4)
    assert machine.over
