"""Agents and what is wanted of them: who counts as there, whose workers a run takes, and what is said of the rest."""

from dataclasses import replace

import pytest

from apibench.controller.agents import FORGOTTEN_NS, GONE_NS, MAX_AGENTS, Agents
from apibench.controller.fleet import Fleet
from apibench.controller.orchestration import Orchestration
from apibench.controller.placement import placed
from apibench.controller.run_machine import RunMachine
from apibench.model.control import ClockPing, ClockPong, Dismiss, Heartbeat, Hello, Prepare
from apibench.model.errors import LinkLost, UsageError
from apibench.model.installation import RunState
from apibench.model.provision import AgentFacts, AgentReport, Provision, ProvisionStatus
from apibench.model.submission import RunSubmission
from apibench.model.worker import WorkerFacts

S = 1_000_000_000
EU = AgentFacts("a", "a1", "eu", "k8s-job", "1.0")
US = AgentFacts("b", "b1", "us", "k8s-job", "1.0", max_workers=3)
ASKED = RunSubmission("{}", "sha", workers_from="agent", regions={"eu": 2}, patience_s=100)


def orchestration() -> Orchestration:
    return Orchestration(Fleet(4))


def queued(made: Orchestration, run_id: str, asked: RunSubmission = ASKED, now_ns: int = 0) -> RunMachine:
    machine = RunMachine(run_id, asked, 10 * S, drain_ns=5 * S)
    made.add(machine, now_ns)
    return machine


def join(made: Orchestration, name: str, run_id: str = "", region: str = "eu", now_ns: int = 0) -> None:
    """A worker that could begin at once: its clock is known, and it has a lease."""
    made.hear(name, Hello(WorkerFacts(name, f"{name}1", "1.0", region=region, run_id=run_id)), now_ns)
    made.hear(name, Heartbeat(1, now_ns), now_ns)
    for _ in range(20):
        pings = [said for worker, said in made.take_outbox() if worker == name and isinstance(said, ClockPing)]
        for ping in pings:
            made.hear(name, ClockPong(ping.ping, ping.sent_ns, now_ns, now_ns), now_ns)


def prepared(made: Orchestration, machine: RunMachine) -> set[str]:
    """Whom a run has told to prepare."""
    return {worker for worker, said in made.take_outbox_of(machine) if isinstance(said, Prepare)}


def test_an_agent_is_told_all_that_is_wanted_in_its_region() -> None:
    made = orchestration()
    queued(made, "r1")
    queued(made, "r2", replace(ASKED, regions={"eu": 1, "us": 5}))
    queued(made, "r3", RunSubmission("{}", "sha", workers=3))
    life_s = 10 + 5 + 2 * 100 + 600
    orders = made.agents.heard(AgentReport(EU), made.wanted(), 0)
    assert (orders.term, orders.refused) == (4, "")
    assert orders.wanted == (Provision("r1", 2, life_s), Provision("r2", 1, life_s))
    assert made.agents.heard(AgentReport(US), made.wanted(), 0).wanted == (Provision("r2", 5, life_s),)


def test_nothing_is_wanted_any_more_for_a_run_that_is_over() -> None:
    made = orchestration()
    machine = queued(made, "r1")
    machine.fail("somebody wants it so")
    assert made.wanted() == {}
    made.forget("r1")
    assert made.agents.heard(AgentReport(EU), made.wanted(), 0).wanted == ()


def test_of_a_region_there_is_one_agent_until_it_is_gone() -> None:
    agents = Agents(1)
    other = replace(EU, name="another", instance_id="b1")
    assert agents.heard(AgentReport(EU), {}, 0).refused == ""
    assert "region `eu` is served by the agent a already" in agents.heard(AgentReport(other), {}, GONE_NS - 1).refused
    assert agents.regions(GONE_NS - 1) == {"eu": EU}
    assert agents.heard(AgentReport(other), {}, GONE_NS).refused == ""
    assert agents.regions(GONE_NS) == {"eu": other}
    assert "served by the agent another" in agents.heard(AgentReport(EU), {}, GONE_NS).refused


def test_two_of_one_name_are_two() -> None:
    agents = Agents(1)
    assert agents.heard(AgentReport(EU), {}, 0).refused == ""
    assert "served by the agent a" in agents.heard(AgentReport(replace(EU, instance_id="a2")), {}, 1).refused


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (replace(EU, protocol=9), "speaks protocol 9"),
        (replace(EU, name=""), "up to 200 characters"),
        (replace(EU, region="e" * 201), "up to 200 characters"),
    ],
)
def test_an_agent_that_can_not_be_had_is_refused_and_not_remembered(facts: AgentFacts, words: str) -> None:
    agents = Agents(1)
    assert words in agents.heard(AgentReport(facts), {"eu": [Provision("r", 1, 1)]}, 0).refused
    assert agents.view({}, 0) == []


def test_no_more_agents_are_known_than_there_may_be_and_who_is_long_gone_makes_room() -> None:
    agents = Agents(1)
    for number in range(MAX_AGENTS):
        assert not agents.heard(AgentReport(replace(EU, region=f"r{number}")), {}, 0).refused
    late = AgentReport(replace(EU, region="late"))
    assert agents.heard(late, {}, FORGOTTEN_NS).refused == f"there are {MAX_AGENTS} agents already"
    assert not agents.heard(late, {}, FORGOTTEN_NS + 1).refused
    assert len(agents.view({}, FORGOTTEN_NS + 1)) == 1


def test_a_run_takes_the_workers_that_were_made_for_it_and_no_others() -> None:
    made = orchestration()
    machine = queued(made, "r1")
    for name, run_id in (("pooled1", ""), ("pooled2", ""), ("other1", "r2"), ("other2", "r2"), ("mine1", "r1")):
        join(made, name, run_id)
    made.tick(0)
    assert machine.state is RunState.QUEUED
    join(made, "mine2", "r1")
    made.tick(0)
    assert prepared(made, machine) == {"mine1", "mine2"}
    pool = queued(made, "r3", RunSubmission("{}", "sha"))
    made.tick(0)
    assert prepared(made, pool) == {"pooled1", "pooled2"}


def test_workers_of_a_run_that_is_over_are_told_that_they_may_go() -> None:
    made = orchestration()
    machine = queued(made, "r1")
    join(made, "spare", "r1")
    join(made, "pooled")
    machine.fail("somebody wants it so")
    made.forget("r1")
    told = [(worker, said) for worker, said in made.take_outbox() if isinstance(said, Dismiss)]
    assert told == [("spare", Dismiss("r1", 0))]
    made.hear("late", Hello(WorkerFacts("late", "late1", "1.0", run_id="r1")), 0)
    assert ("late", Dismiss("r1", 0)) in made.take_outbox()


def test_a_run_whose_workers_can_not_be_made_fails_at_once_and_says_why() -> None:
    made = orchestration()
    machine = queued(made, "r1")
    status = ProvisionStatus("r1", 1, "exceeded quota: pods=1", failed=True)
    made.agents.heard(AgentReport(EU, (status,)), made.wanted(), S)
    made.tick(S)
    assert machine.state is RunState.FAILED
    assert machine.reason == "its workers cannot be made: eu: exceeded quota: pods=1"


def test_a_run_that_has_waited_long_enough_says_what_its_workers_waited_for() -> None:
    made = orchestration()
    machine = queued(made, "r1", replace(ASKED, regions={"eu": 2, "us": 1}))
    status = ProvisionStatus("r1", 1, "1 pod waits: insufficient cpu")
    made.agents.heard(AgentReport(EU, (status,)), made.wanted(), 100 * S)
    states = []
    for now_ns in (100 * S, 100 * S + 1):
        made.tick(now_ns)
        states.append(machine.state)
    assert states == [RunState.QUEUED, RunState.FAILED]
    assert machine.reason == (
        "there were not enough idle workers within 100 s: the agent of region `us` is not there; "
        "eu: 1 pod waits: insufficient cpu"
    )


def test_a_run_that_goes_on_does_not_end_because_no_more_workers_can_be_made() -> None:
    made = orchestration()
    machine = queued(made, "r1", replace(ASKED, regions={"eu": 1}))
    join(made, "mine", "r1")
    made.tick(0)
    assert machine.state is RunState.PREPARING
    status = ProvisionStatus("r1", 0, "a worker has ended with 1", failed=True)
    made.agents.heard(AgentReport(EU, (status,)), made.wanted(), S)
    made.tick(S)
    assert machine.state is RunState.PREPARING


def test_a_number_alone_goes_to_the_only_agent() -> None:
    found = placed(replace(ASKED, workers=3, regions={}), {"us": US})
    assert (found.workers, found.regions) == (None, {"us": 3})
    assert placed(ASKED, {"eu": EU, "us": US}).regions == {"eu": 2}


@pytest.mark.parametrize(
    ("asked", "there", "kind", "words"),
    [
        (replace(ASKED, regions={}), {"eu": EU}, UsageError, "nothing says how many workers"),
        (replace(ASKED, regions={}, workers=2), {}, LinkLost, "no agent is there"),
        (replace(ASKED, regions={}, workers=2), {"eu": EU, "us": US}, UsageError, "in several regions: `eu`, `us`"),
        (replace(ASKED, regions={"asia": 2}), {"eu": EU, "us": US}, LinkLost, "no agent of region `asia` is there"),
        (replace(ASKED, regions={"us": 4}), {"us": US}, UsageError, "4 workers are more than the agent b makes"),
    ],
)
def test_what_no_agent_makes_is_refused_before_anything_begins(
    asked: RunSubmission, there: dict[str, AgentFacts], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        placed(asked, there)
