"""
Set-up and tear-down of one run: which of its workers does them, and what they came to. Pure, as the run's machine is.

Set-up is asked of one worker, once: where that one is lost nobody does it again, because what it has done by then would
be done twice. Tear-down takes something away, and not to have done it at all is worse: where who was asked is lost
before it has told, another is asked. What set-up hands over may be secret: it is kept in memory here, and in nothing
that is written down.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from apibench.controller.member import Member
from apibench.model.aggregation import Fate
from apibench.model.control import ControllerMessage, SetUp, SetUpDone, TearDown, TornDown
from apibench.model.errand import ErrandReport, ErrandState
from apibench.model.exit_codes import ExitCode
from apibench.model.plain import from_plain, to_plain
from apibench.model.submission import RunSubmission

MARGIN_NS = 5_000_000_000
"""So much longer than it may take, whoever was asked has to tell what it came to."""


class Errands:
    """Those of one run."""

    def __init__(
        self,
        run_id: str,
        setup_ns: int | None,
        teardown_ns: int | None,
        send: Callable[[Member, ControllerMessage], None],
        note: Callable[[str], None],
    ) -> None:
        """`setup_ns`, `teardown_ns`: how long each may take; None where the plan has none."""
        self.setup_ns = setup_ns
        self.setup: ErrandReport | None = None
        self.teardown: ErrandReport | None = None
        self.shared = ""
        """What set-up has handed over, as JSON; empty where nobody has, or has told another controller."""
        self._run_id = run_id
        self.teardown_ns = teardown_ns
        self._send = send
        self._note = note
        self._asked: int | None = None
        """The segment whose worker is at one of them."""
        self._asked_ns: int | None = None
        self._passed_over: set[int] = set()
        """Segments that can't tear down any more."""

    # Set-up.

    def begin(self, member: Member, asked: RunSubmission, allowed: tuple[str, ...]) -> bool:
        """Have it set up by one worker; False where there is nothing to do."""
        if self.setup_ns is None:
            return False
        self._asked = member.segment
        self._note(f"{member.worker.worker_id} sets up")
        self.tell(member, asked, allowed)
        return True

    def tell(self, member: Member, asked: RunSubmission, allowed: tuple[str, ...]) -> None:
        """Say it to who was asked, for the first time or once more: it does it once all the same."""
        if self.is_at_setup(member):
            message = SetUp(self._run_id, member.segment, asked.plan, asked.plan_sha256, allowed, asked.bundle)
            self._send(member, message)

    def is_at_setup(self, member: Member) -> bool:
        """Whether it is what this one is at."""
        return self.setup_ns is not None and self.setup is None and self._asked == member.segment

    def set_up(self, message: SetUpDone, worker_id: str) -> bool:
        """It is done, well or not; whether that is news."""
        if self.setup is not None or self._asked != message.segment:
            return False
        self.setup, self.shared, self._asked = message.report.by(worker_id), message.shared, None
        if self.setup.ok:
            self._note(f"{worker_id} has set up, with {message.report.requests} requests")
        return True

    @property
    def may_prepare(self) -> bool:
        """Whether all is there that workers need for their plan."""
        return self.setup_ns is None or bool(self.shared)

    @property
    def is_set_up(self) -> bool:
        """Whether set-up has been done, and well."""
        return self.setup is not None and self.setup.ok

    @property
    def exit_code(self) -> ExitCode | None:
        """With which a run ends that could not be set up; None where that is not why."""
        if self.setup is None or self.setup.ok:
            return None
        return ExitCode.SETUP_TIMEOUT if self.setup.state is ErrandState.TIMEOUT else ExitCode.SCENARIO_ERROR

    # Tear-down.

    @property
    def owes_teardown(self) -> bool:
        """Whether it is still to be done."""
        return self.teardown_ns is not None and self.teardown is None

    def look(self, members: Iterable[Member], now_ns: int) -> None:
        """The load is over: have it torn down, by whoever can."""
        if not self.owes_teardown or self.teardown_ns is None:
            return
        if self._asked is not None:
            self._asked_ns = now_ns if self._asked_ns is None else self._asked_ns
            if now_ns > self._asked_ns + self.teardown_ns + MARGIN_NS:
                self._pass_over("has not told what it came to")
            return
        able = [each for each in members if each.fate is not Fate.LOST and each.segment not in self._passed_over]
        able.sort(key=lambda each: (each.leaving, each.segment))
        if not able:
            self.teardown = ErrandReport(ErrandState.UNKNOWN, fault="no worker of the run was left that has told of it")
            self._note("nobody has torn down")
            return
        self._asked, self._asked_ns = able[0].segment, now_ns
        self._note(f"{able[0].worker.worker_id} tears down")
        self.attached(able[0])

    def attached(self, member: Member) -> None:
        """Say it to who was asked, once more."""
        if self._asked == member.segment and self._asked_ns is not None and self.owes_teardown:
            self._send(member, TearDown(self._run_id, member.segment))

    def gone(self, member: Member) -> None:
        """Its worker sends nothing any more, or knows nothing of the segment."""
        if self._asked == member.segment and self._asked_ns is not None:
            self._pass_over("is gone")
        self._passed_over.add(member.segment)

    def torn_down(self, message: TornDown, worker_id: str) -> None:
        """It is done, well or not."""
        if self.owes_teardown and self._asked == message.segment:
            self.teardown = message.report.by(worker_id)
            self._note(
                "it is torn down" if self.teardown.ok else f"tear-down failed on {worker_id}: {self.teardown.fault}"
            )

    def _pass_over(self, why: str) -> None:
        if self._asked is not None:
            self._passed_over.add(self._asked)
            self._note(f"who tears down {why}: another does it")
        self._asked = self._asked_ns = None

    # What must not be forgotten.

    def to_document(self) -> dict[str, Any]:
        """Without what was handed over."""
        reports = {"setup": self.setup, "teardown": self.teardown}
        return {word: None if each is None else to_plain(each) for word, each in reports.items()}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Go on from what was written down."""
        setup, teardown = document.get("setup"), document.get("teardown")
        self.setup = None if setup is None else from_plain(ErrandReport, setup)
        self.teardown = None if teardown is None else from_plain(ErrandReport, teardown)
