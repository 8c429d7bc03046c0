"""Values that nobody has written down: what a scenario's words become, what plans say, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from apibench.authoring.any_plan import read_any_plan
from apibench.authoring.expression_words import parse_expression
from apibench.authoring.plan_file import parse_plan_document
from apibench.model.errors import NotTraceable, PlanInvalid, UnitInvalid
from apibench.model.function import ARITY

SCENARIO = """\
from apibench import counter, now, rand, scenario

{head}

@scenario(base_url="http://127.0.0.1:1", load="5/s", duration="1s")
def sign_up(u):
{body}
"""
NAMES = ("first_name", "last_name", "name", "email", "street", "city", "postcode", "country", "phone", "company")


def planned(folder: Path, body: str, head: str = "") -> list[dict[str, Any]]:
    path = folder / "sign_up.py"
    path.write_text(SCENARIO.format(head=head, body="\n".join(f"    {line}" for line in body.splitlines())))
    steps: list[dict[str, Any]] = read_any_plan(str(path)).document()["scenarios"][0]["steps"]
    return steps


def value(function: str, *arguments: Any) -> dict[str, Any]:
    constants = [each if isinstance(each, dict) else {"type": "constant", "value": each} for each in arguments]
    return {"type": "call", "function": function, "arguments": constants}


def test_each_word_is_drawn_once_where_it_is_written(tmp_path: Path) -> None:
    body = "\n".join(f"{name} = rand.{name}()" for name in NAMES)
    steps = planned(tmp_path, f"{body}\nu.post('/users', json={{'name': name, 'again': name}})")
    assert [(step["to"], step["value"]) for step in steps[:-1]] == [(name, value(f"random_{name}")) for name in NAMES]


def test_moments_lie_between_two_that_are_known_or_late(tmp_path: Path) -> None:
    body = """\
born = rand.date("1950-01-01", "2005-12-31")
seen = rand.iso(now.seconds("-30d"), now.seconds())
due = now.date("3d")
until = now.milliseconds(60)
u.get(f"/{born}/{seen}/{due}/{until}")"""
    steps = planned(tmp_path, body)
    assert [step["value"] for step in steps[:-1]] == [
        value("random_date", "1950-01-01", "2005-12-31"),
        value("now_seconds", "-30d"),
        value("now_seconds"),
        value("random_iso", {"type": "variable", "name": "seconds"}, {"type": "variable", "name": "seconds_2"}),
        value("now_date", "3d"),
        value("now_milliseconds", 60),
    ]


def test_a_counter_counts_from_where_it_is_told_for_the_run_or_for_each_user(tmp_path: Path) -> None:
    head = 'orders, own = counter("orders", start=1000), counter("my-own", per="vu")'
    steps = planned(tmp_path, "n = orders.next()\nu.get(f'/{n}/{own.next()}')", head)
    assert [(step["to"], step["value"]) for step in steps[:-1]] == [
        ("orders", value("add", value("counter", "orders"), 999)),
        ("my_own", value("vu_counter", "my-own")),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("rand.date('2024-02-30', '2024-03-01')", "'2024-02-30' is no moment"),
        ("rand.iso('yesterday', now.seconds())", "'yesterday' is no moment"),
        ("import datetime; rand.iso(datetime.date(2024, 1, 1), 0)", "a moment is text or late"),
        ("now.iso('1 day')", "'1 day' is no span of time"),
        ("now.seconds(0.5)", "0.5 is a fraction"),
        ("counter('')", "a counter's name is text"),
        ("counter(rand.name())", "a counter's name is text"),
        ("counter('a', start='1')", "a counter starts at a whole number"),
        ("counter('a', per='user')", "nobody counts per 'user'"),
        ("rand.street_address()", "has no attribute 'street_address'"),
    ],
)
def test_what_is_none_is_refused_where_it_stands(line: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(NotTraceable) as caught:
        planned(tmp_path, f"{line}\nu.get('/')")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("now_iso('1 day')", "call.offset"),
        ("now_iso('1y')", "call.offset"),
        ("random_date('2024', '2025')", "call.moment"),
        ("random_iso('2023-02-29', '2025-01-01')", "call.moment"),
        ("random_iso('2023-02-28T24:00:01', '2025-01-01')", "call.moment"),
        ("random_date('2024-01-02', '2024-01-01')", "call.moment"),
        ("random_iso('2024-01-01', '2024-01-01T00:30:00+01:00')", "call.moment"),
        ("counter('')", "call.counter"),
        ("counter(1)", "call.counter"),
        ("vu_counter(n)", "call.counter"),
        ("counter()", "call.arguments"),
        ("random_date('2024-01-01')", "call.arguments"),
    ],
)
def test_a_plan_that_says_it_wrong_is_refused(text: str, code: str) -> None:
    steps = [{"type": "set", "to": "n", "value": 1}, {"type": "request", "path": f"/${{{text}}}"}]
    scenario = {"name": "s", "load": {"users": 1, "iterations": 1}, "steps": steps}
    with pytest.raises(PlanInvalid) as caught:
        parse_plan_document({"version": 1, "hosts": {"h": {"url": "http://127.0.0.1:1"}}, "scenarios": [scenario]})
    assert code in {fault.code for fault in caught.value.faults}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("fake.first_name()", "random_first_name"),
        ("rand.email()", "random_email"),
        ("email()", "random_email"),
        ("uuid()", "random_uuid"),
        ("uuidv4()", "random_uuid"),
        ("rand.int(1, 2)", "random_integer"),
        ("fake.phone_number()", "random_phone"),
        ("now.iso()", "now_iso"),
        ("timestamp()", "now_seconds"),
        ("counters('a')", "counter"),
    ],
)
def test_a_function_that_is_called_so_elsewhere_gets_the_name_that_it_has_here(written: str, meant: str) -> None:
    assert meant in ARITY
    with pytest.raises(UnitInvalid) as caught:
        parse_expression(written)
    assert f"`{meant}`" in caught.value.hint
