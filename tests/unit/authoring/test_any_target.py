"""What is to be run, with what is said over it: whatever it is, and with all faults at once."""

from typing import Any

import pytest

from apibench import User, between, scenario, think
from apibench.authoring.any_target import read_target
from apibench.authoring.load_words import LoadWords
from apibench.authoring.request_words import RequestWords
from apibench.model.errors import NotTraceable, WordsInvalid
from apibench.model.fault import place_text
from apibench.model.plan import Plan


@scenario(base_url="http://127.0.0.1:1", load="1 vu", iterations=1)
def browse(u: User) -> None:
    u.get("/products")
    think(between("1ms", "2ms"))


@scenario(base_url="http://127.0.0.1:1")
def endless(u: User) -> None:
    u.get("/products")


def plan_of(target: Any, load: LoadWords, base_url: str | None = None) -> Plan:
    url = target if isinstance(target, str) else ""
    return read_target(target, RequestWords(url=url), load, base_url=base_url).plan(place_text, "the call")


def test_scenarios_at_hand_become_the_plan_that_their_file_becomes() -> None:
    at_hand = plan_of([browse], LoadWords(seed=7, name="x"))
    of_file = plan_of(f"{__file__}:browse", LoadWords(seed=7, name="x"))
    assert at_hand.sha256() == of_file.sha256()


def test_requests_go_to_the_base_url_that_is_said_over_a_plan() -> None:
    plan = plan_of([browse], LoadWords(), "http://127.0.0.1:2")
    assert [host.base_url for host in plan.hosts.values()] == ["http://127.0.0.1:2"]


def test_a_scenario_that_says_no_end_takes_the_one_that_is_said_over_it() -> None:
    plan = plan_of([endless], LoadWords(rate="5/s", duration="3s"))
    assert plan.scenarios[0].load.ends.duration_ns == 3_000_000_000
    staged = plan_of([endless], LoadWords(stages=("2s:5/s", "1s:0/s"))).scenarios[0].load
    assert (staged.ends.duration_ns, staged.ends.iterations) == (3_000_000_000, None)
    with pytest.raises(NotTraceable, match="nothing says when the load ends"):
        plan_of([endless], LoadWords(rate="5/s"))


def test_an_end_that_can_not_be_read_is_told_as_that_alone() -> None:
    with pytest.raises(WordsInvalid) as caught:
        plan_of([endless], LoadWords(duration="soon", rate="fast"))
    assert [fault.place for fault in caught.value.faults] == ["rate", "duration"]
    assert str(caught.value).startswith("the call has 2 faults:")


def test_a_base_url_is_refused_where_it_can_not_be_meant() -> None:
    @scenario(base_url="http://127.0.0.1:2", load="1 vu", iterations=1)
    def elsewhere(u: User) -> None:
        u.get("/")

    for target in ([browse, elsewhere], "http://127.0.0.1:1/"):
        with pytest.raises(WordsInvalid, match="base_url: "):
            plan_of(target, LoadWords(), "http://127.0.0.1:3")
    with pytest.raises(WordsInvalid, match=r"base_url: '.*' has no scheme"):
        plan_of([browse], LoadWords(), "127.0.0.1:3")


def test_the_text_of_a_scenario_at_hand_is_looked_at_too() -> None:
    @scenario(base_url="http://127.0.0.1:1", load="1 vu", iterations=1)
    def looks(u: User) -> None:
        answer = u.get("/")
        if answer is None:
            u.get("/never")  # type: ignore[unreachable]

    with pytest.raises(NotTraceable) as caught:
        plan_of([looks], LoadWords())
    assert caught.value.kind == "AB120"
    plan_of([browse], LoadWords())  # another function of this file is no fault of this one


def test_a_scenario_without_text_is_run_all_the_same() -> None:
    found: dict[str, Any] = {"scenario": scenario}
    exec(  # noqa: S102 - as at Python's own prompt
        "@scenario(base_url='http://127.0.0.1:1', load='1 vu', iterations=1)\ndef typed(u):\n    u.get('/typed')\n",
        found,
    )
    assert [request.name for _, request in plan_of([found["typed"]], LoadWords()).requests()] == ["GET /typed"]
