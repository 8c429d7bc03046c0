"""Who owns what once a change did not go as it was agreed."""

import pytest

from apibench.controller.agreement import Agreement
from apibench.controller.member import Member
from apibench.model.aggregation import Fate
from apibench.model.control import ChangeAnswer, Commit, ControllerMessage
from apibench.model.ledger import Ledger, Revision
from apibench.model.share import WHOLE
from apibench.model.worker import WorkerFacts

S = 1_000_000_000
HALF, REST = WHOLE.split([1, 1])


class World:
    """One worker that has all, and one that is to have half of it from second 5 on."""

    def __init__(self) -> None:
        self.members = {number: Member(number, WorkerFacts(f"w{number}", "i", "1")) for number in range(2)}
        self.said: list[tuple[int, ControllerMessage]] = []
        self.agreement = Agreement("r", self.members, self.hear, lambda _: None)
        self.agreement.ledger = Ledger((Revision(0, 0, {0: WHOLE}, reason="start"),))
        self.agreement.propose({0: HALF, 1: REST}, 5 * S, 0)
        for number in self.members:
            self.answer(number)
        self.agreement.advance(S)

    def hear(self, member: Member, message: ControllerMessage) -> None:
        self.said.append((member.segment, message))

    def answer(self, segment: int, fault: str = "") -> None:
        """To what it was asked or told last."""
        self.agreement.answered(ChangeAnswer("r", segment, 1, fault))

    def lose(self, segment: int) -> None:
        self.members[segment].fate = Fate.LOST
        self.agreement.advance(15 * S)

    def told(self) -> list[int]:
        """Who has heard that it holds."""
        return [segment for segment, message in self.said if isinstance(message, Commit)]


def test_who_gives_hears_first_and_who_takes_when_that_is_confirmed() -> None:
    world = World()
    assert world.told() == [0]
    world.answer(0)
    world.agreement.advance(2 * S)
    assert world.told() == [0, 1]
    world.answer(1)
    world.agreement.advance(3 * S)
    assert world.agreement.shares == {0: HALF, 1: REST}
    assert not world.agreement.pending


def test_who_was_to_give_and_is_lost_before_it_confirmed_had_all_of_its_own_till_the_end() -> None:
    # It has sent for all of it until its lease ended: nothing of that was nobody's.
    world = World()
    world.lose(0)
    assert world.told() == [0]
    assert world.agreement.shares == {0: WHOLE}
    assert world.agreement.ledger.last.effective_ns == 5 * S
    assert not world.agreement.pending


@pytest.mark.parametrize("confirms", [False, True])
def test_who_takes_and_is_lost_owes_what_it_took(*, confirms: bool) -> None:
    world = World()
    world.answer(0)
    world.agreement.advance(2 * S)
    if confirms:
        world.answer(1)
        world.agreement.advance(3 * S)
    world.lose(1)
    assert world.agreement.shares == {0: HALF, 1: REST}


def test_what_was_let_go_of_and_not_taken_is_nobody_s() -> None:
    world = World()
    world.answer(0)
    world.agreement.advance(2 * S)
    world.answer(1, "too near, or over")
    world.agreement.advance(3 * S)
    assert world.agreement.shares == {0: HALF}
