"""Who leads sends each window once; who takes over sends what may not have been sent."""

from typing import Any

from tests.unit.controller.rest.windows import STARTED_NS, row, run, sealed

from apibench.controller.rest.outlet import REPEATED_S, LeadersOutlet, SealedWindow


class Collected:
    """An outlet that only collects."""

    def __init__(self) -> None:
        self.taken: list[SealedWindow] = []
        self.dropped = 0

    @property
    def sent(self) -> int:
        """All of them."""
        return len(self.taken)

    def take(self, window: SealedWindow) -> None:
        """One more."""
        self.taken.append(window)


class Controller:
    """One that may lead, at a time of the test's."""

    def __init__(self, plan: dict[str, Any], now_s: float, *, leads: bool) -> None:
        self.run = run(plan)
        self.now_s = STARTED_NS / 1e9 + now_s
        self.leads = leads
        self.collected = Collected()
        self.outlet = LeadersOutlet(self.collected, lambda: self.leads, wall_s=lambda: self.now_s)

    def hear(self, *starts_s: int) -> None:
        """Be told of windows, each as soon as it has ended."""
        for start_s in starts_s:
            self.now_s = max(self.now_s, STARTED_NS / 1e9 + start_s + 1)
            self.outlet.take(sealed(self.run, row(start_s)))

    def sent(self) -> list[float]:
        """When the windows began that it has sent."""
        return [each.row["start_s"] for each in self.collected.taken]


def test_the_times_of_a_window_are_the_run_s_and_its_own(document: dict[str, Any]) -> None:
    window = sealed(run(document), row(7) | {"length_s": 0.25})
    assert (window.start_ns, window.end_ns) == (STARTED_NS + 7_000_000_000, STARTED_NS + 7_250_000_000)


def test_who_leads_sends_everything_at_once_also_what_comes_late(document: dict[str, Any]) -> None:
    leader = Controller(document, 0, leads=True)
    leader.hear(0, 1)
    leader.now_s += 600
    leader.hear(2)
    assert leader.sent() == [0, 1, 2]


def test_a_standby_sends_nothing_until_it_takes_over_and_then_the_last_seconds_in_order(
    document: dict[str, Any],
) -> None:
    standby = Controller(document, 0, leads=False)
    standby.hear(*range(100))
    assert standby.sent() == []
    standby.leads = True
    standby.outlet.look()
    standby.hear(100)
    assert standby.sent() == list(range(99 - int(REPEATED_S), 101))


def test_one_that_has_just_started_leaves_what_was_before_to_those_that_were_there(document: dict[str, Any]) -> None:
    begun = Controller(document, 60, leads=True)
    begun.hear(*range(62))
    assert begun.sent() == list(range(59 - int(REPEATED_S), 62))


def test_a_leader_that_had_no_aggregator_for_a_while_sends_what_comes_then(document: dict[str, Any]) -> None:
    leader = Controller(document, 0, leads=True)
    leader.hear(0)
    leader.leads = False
    leader.now_s += 120
    leader.hear(1, 2)
    leader.leads = True
    leader.outlet.look()
    assert leader.sent() == [0, 1, 2]
