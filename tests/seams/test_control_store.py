"""What every controller's store must do, run over each of them."""

import asyncio
from dataclasses import replace
from datetime import datetime

import pytest
import pytest_asyncio
from tests.seams.conftest import OpenControl

from apibench.model.errors import Conflict, NotFound, StaleTerm, StoreFailed
from apibench.model.installation import BundleRow, Desired, Role, RunRow, RunState, TestRow, TestVersionRow, TokenRow
from apibench.store.audit_chain import first_broken
from apibench.store.control import ControlStore

pytestmark = pytest.mark.asyncio

AT = "2026-11-25T10:00:00+00:00"
LATER = "2026-11-25T10:00:07+00:00"
ODD = "Zoë 测试 \U0001f980 'x' \\ % _ \n"


@pytest_asyncio.fixture
async def store(open_control: OpenControl) -> ControlStore:
    return await open_control()


@pytest_asyncio.fixture
async def term(store: ControlStore) -> int:
    return (await store.lead("one", 1_000.0, 10.0)).term


def a_run(run_id: str = "r1", **options: object) -> RunRow:
    row = RunRow(run_id, '{"version":1}', "5eed", RunState.QUEUED, AT, created_by="ann")
    return replace(row, **options)  # type: ignore[arg-type]


# Who leads.


async def test_the_first_leads_and_stays_in_its_term_while_it_asks_again(store: ControlStore) -> None:
    first = await store.lead("one", 1_000.0, 10.0)
    assert (first.term, first.holder) == (1, "one")
    again = await store.lead("one", 1_008.0, 10.0)
    assert (again.term, again.holder) == (1, "one")
    assert (datetime.fromisoformat(again.expires_at) - datetime.fromisoformat(first.expires_at)).total_seconds() == 8


async def test_a_second_waits_for_the_end_of_the_lease_and_gets_a_higher_term(open_control: OpenControl) -> None:
    one, two = await open_control(), await open_control()
    await one.lead("one", 1_000.0, 10.0)
    assert (await two.lead("two", 1_009.9, 10.0)).holder == "one"
    over = await two.lead("two", 1_010.0, 10.0)
    assert (over.term, over.holder) == (2, "two")
    assert (over.before, over.before_until_s) == ("one", 1_010.0)
    assert (await two.lead("two", 1_011.0, 10.0)).before == ""
    assert (await one.lead("one", 1_010.1, 10.0)).holder == "two"


async def test_who_resigns_is_followed_at_once_and_can_write_nothing(store: ControlStore, term: int) -> None:
    await store.resign("somebody else")
    await store.add_run(term, a_run("r0"))
    await store.resign("one")
    with pytest.raises(StaleTerm):
        await store.add_run(term, a_run())
    assert (await store.lead("two", 1_001.0, 10.0)).term == term + 1


async def test_who_leads_again_after_resigning_has_another_term(store: ControlStore, term: int) -> None:
    await store.resign("one")
    assert (await store.lead("one", 1_001.0, 10.0)).term == term + 1


async def test_of_many_that_ask_at_once_one_leads(open_control: OpenControl) -> None:
    stores = [await open_control() for _ in range(4)]
    told = await asyncio.gather(*(each.lead(f"c{number}", 1_000.0, 10.0) for number, each in enumerate(stores)))
    assert {(each.term, each.holder) for each in told} == {(1, told[0].holder)}


async def test_a_stale_term_writes_nothing(open_control: OpenControl) -> None:
    one, two = await open_control(), await open_control()
    old = (await one.lead("one", 1_000.0, 10.0)).term
    await one.add_test(old, TestRow("t", "kept", AT))
    await one.add_run(old, a_run())
    new = (await two.lead("two", 2_000.0, 10.0)).term
    with pytest.raises(StaleTerm):
        await one.add_test(old, TestRow("t2", "another", AT))
    with pytest.raises(StaleTerm):
        await one.add_test_version(old, TestVersionRow("t", 0, "{}", "a", AT, "ann"))
    with pytest.raises(StaleTerm):
        await one.add_run(old, a_run("r2"))
    with pytest.raises(StaleTerm):
        await one.save_run(old, a_run(state=RunState.RUNNING), {"to": "running"})
    with pytest.raises(StaleTerm):
        await one.add_bundle(old, BundleRow("c0de", "{}", AT, "ann"))
    assert await one.bundle("c0de") is None
    assert await one.tests() == [TestRow("t", "kept", AT)]
    assert await one.test_versions("t") == []
    assert await one.runs(limit=10) == [a_run()]
    assert await one.events("r1") == []
    await two.save_run(new, a_run(state=RunState.RUNNING), {"to": "running"})


async def test_nobody_writes_before_somebody_leads(store: ControlStore) -> None:
    with pytest.raises(StaleTerm):
        await store.add_run(0, a_run())
    with pytest.raises(StaleTerm):
        await store.add_run(1, a_run())


# Tests and their versions.


async def test_a_run_is_found_by_the_key_of_its_own_creator_only(store: ControlStore, term: int) -> None:
    await store.add_run(term, a_run(idempotency_key="once"))
    await store.add_run(term, a_run("r2"))
    assert await store.run_of_key("ann", "once") == a_run(idempotency_key="once")
    assert await store.run_of_key("bob", "once") is None
    assert await store.run_of_key("ann", "twice") is None


async def test_what_holds_for_the_whole_installation_is_its_leader_s(store: ControlStore, term: int) -> None:
    assert await store.setting("killed") == ""
    await store.put_setting(term, "killed", ODD)
    assert await store.setting("killed") == ODD
    await store.put_setting(term, "killed", "")
    assert await store.setting("killed") == ""
    with pytest.raises(StaleTerm):
        await store.put_setting(term - 1, "killed", "x")
    assert await store.setting("killed") == ""


async def test_tests_are_told_by_name_in_the_order_of_code_points(store: ControlStore, term: int) -> None:
    for number, name in enumerate(["b", "a", "B", "_", "é", ODD, "-a"]):
        await store.add_test(term, TestRow(f"t{number}", name, AT))
    assert [row.name for row in await store.tests()] == sorted(["b", "a", "B", "_", "é", ODD, "-a"])


async def test_a_name_is_given_once(store: ControlStore, term: int) -> None:
    await store.add_test(term, TestRow("t1", "name", AT))
    with pytest.raises(Conflict, match="'name'"):
        await store.add_test(term, TestRow("t2", "name", AT))
    assert await store.tests() == [TestRow("t1", "name", AT)]


async def test_versions_are_numbered_and_the_same_plan_is_the_same_version(store: ControlStore, term: int) -> None:
    await store.add_test(term, TestRow("t", "name", AT))
    first = await store.add_test_version(term, TestVersionRow("t", 99, ODD, "a", AT, "ann"))
    assert first == TestVersionRow("t", 1, ODD, "a", AT, "ann")
    assert await store.add_test_version(term, TestVersionRow("t", 0, ODD, "a", LATER, "bob")) == first
    second = await store.add_test_version(term, TestVersionRow("t", 0, "{}", "b", AT, "ann"))
    third = await store.add_test_version(term, TestVersionRow("t", 0, ODD, "a", AT, "ann"))
    assert [second.version, third.version] == [2, 3]
    assert await store.test_versions("t") == [first, second, third]
    assert await store.test_versions("nobody's") == []


async def test_versions_added_at_once_have_numbers_without_gaps(open_control: OpenControl) -> None:
    stores = [await open_control() for _ in range(3)]
    term = (await stores[0].lead("one", 1_000.0, 10.0)).term
    await stores[0].add_test(term, TestRow("t", "name", AT))
    rows = [TestVersionRow("t", 0, str(number), str(number), AT, "ann") for number in range(9)]
    added = await asyncio.gather(*(stores[number % 3].add_test_version(term, row) for number, row in enumerate(rows)))
    assert sorted(row.version for row in added) == list(range(1, 10))


async def test_a_version_of_an_unknown_test_is_refused(store: ControlStore, term: int) -> None:
    with pytest.raises(NotFound):
        await store.add_test_version(term, TestVersionRow("t", 1, "{}", "a", AT, "ann"))


# Runs.


async def test_a_run_comes_back_as_it_went_in(store: ControlStore, term: int) -> None:
    row = a_run(
        name=ODD,
        desired=Desired.STOP,
        test_id="t",
        test_version=3,
        started_at=AT,
        ended_at=LATER,
        ended="complete",
        verdict="passed",
        exit_code=0,
        reason="none",
        idempotency_key="key",
        plan="x" * 3_000_000,
        tags={ODD: ODD, "nul": "\0", "b": "", "a": ""},
        notes=({"at": AT, "by": "ann", "text": ODD},),
        options={"regions": {"eu": 2}, "share": 0.1, "none": None},
        machine={"cuts": [[0, 2**64 - 1]], "flags": [True, []]},
    )
    assert await store.add_run(term, row) == row
    assert await store.run("r1") == row
    assert await store.run("nobody") is None


async def test_a_run_is_written_by_whoever_has_read_it_last(store: ControlStore, term: int) -> None:
    read = await store.add_run(term, a_run())
    written = await store.save_run(term, replace(read, state=RunState.PREPARING), {"to": "preparing", "at": LATER})
    assert written == a_run(state=RunState.PREPARING, rev=1)
    with pytest.raises(Conflict, match="r1"):
        await store.save_run(term, replace(read, desired=Desired.ABORT), {"to": "aborting"})
    assert await store.run("r1") == written
    assert await store.events("r1") == [{"rev": 1, "at": LATER, "to": "preparing"}]


async def test_an_event_without_a_time_gets_one(store: ControlStore, term: int) -> None:
    await store.save_run(term, await store.add_run(term, a_run()), {"to": ODD})
    (event,) = await store.events("r1")
    assert event["to"] == ODD
    assert datetime.fromisoformat(event["at"]).utcoffset() is not None


async def test_of_many_who_write_at_once_one_has_its_way(open_control: OpenControl) -> None:
    stores = [await open_control() for _ in range(4)]
    term = (await stores[0].lead("one", 1_000.0, 10.0)).term
    read = await stores[0].add_run(term, a_run())
    for turn in range(5):
        told = await asyncio.gather(
            *(each.save_run(term, replace(read, reason=f"{number}"), {}) for number, each in enumerate(stores)),
            return_exceptions=True,
        )
        (written,) = [each for each in told if isinstance(each, RunRow)]
        assert all(isinstance(each, Conflict) for each in told if each is not written)
        assert await stores[0].run("r1") == written
        assert written.rev == turn + 1
        read = written
    assert [event["rev"] for event in await stores[0].events("r1")] == [1, 2, 3, 4, 5]


async def test_what_was_settled_stays(store: ControlStore, term: int) -> None:
    row = await store.add_run(term, a_run(idempotency_key="k"))
    changed = replace(row, plan="other", plan_sha256="other", created_at=LATER, created_by="bob", idempotency_key=None)
    assert await store.save_run(term, replace(changed, name="n"), {}) == replace(row, name="n", rev=1)


async def test_a_run_that_was_never_added_is_not_written(store: ControlStore, term: int) -> None:
    with pytest.raises(NotFound):
        await store.save_run(term, a_run(), {})
    assert await store.runs(limit=10) == []
    assert await store.events("r1") == []


async def test_an_idempotency_key_is_good_for_one_run_of_each_creator(store: ControlStore, term: int) -> None:
    first = await store.add_run(term, a_run("r1", idempotency_key="k"))
    assert await store.add_run(term, a_run("r2", idempotency_key="k", name="other")) == first
    assert (await store.add_run(term, a_run("r3", idempotency_key="k", created_by="bob"))).run_id == "r3"
    await store.add_run(term, a_run("r4"))
    await store.add_run(term, a_run("r5"))
    assert [row.run_id for row in await store.runs(limit=10)] == ["r5", "r4", "r3", "r1"]


async def test_a_key_used_at_once_by_many_is_one_run(open_control: OpenControl) -> None:
    stores = [await open_control() for _ in range(4)]
    term = (await stores[0].lead("one", 1_000.0, 10.0)).term
    told = await asyncio.gather(
        *(each.add_run(term, a_run(f"r{number}", idempotency_key="k")) for number, each in enumerate(stores))
    )
    assert len({row.run_id for row in told}) == 1
    assert len(await stores[0].runs(limit=10)) == 1


async def test_an_id_is_given_once(store: ControlStore, term: int) -> None:
    await store.add_run(term, a_run())
    with pytest.raises(Conflict):
        await store.add_run(term, a_run(name="other"))
    assert await store.runs(limit=10) == [a_run()]


async def test_runs_come_newest_first_page_by_page_and_by_state(store: ControlStore, term: int) -> None:
    for number in (3, 1, 4, 2):
        await store.add_run(term, a_run(f"r{number}", state=RunState.RUNNING if number > 2 else RunState.FAILED))
    assert [row.run_id for row in await store.runs(limit=3)] == ["r2", "r4", "r1"]
    assert [row.run_id for row in await store.runs(limit=3, before="r1")] == ["r3"]
    assert [row.run_id for row in await store.runs(limit=9, states=[RunState.RUNNING])] == ["r4", "r3"]
    assert [row.run_id for row in await store.runs(limit=1, before="r4", states=["failed", "running"])] == ["r1"]
    assert await store.runs(limit=9, before="nobody") == []


# Tokens.


async def test_tokens_are_told_and_revoked_for_good(store: ControlStore) -> None:
    first = TokenRow("a", "hash", Role.ADMIN, ODD, AT)
    second = TokenRow("b", "hash", Role.WORKER, "n", LATER, expires_at=LATER)
    await store.add_token(second)
    await store.add_token(first)
    assert await store.tokens() == [first, second]
    with pytest.raises(Conflict):
        await store.add_token(replace(first, role=Role.VIEWER))
    assert await store.revoke_token("a", AT)
    assert await store.revoke_token("a", LATER)
    assert not await store.revoke_token("c", AT)
    assert await store.tokens() == [replace(first, revoked_at=AT), second]


# Deeds.


async def test_deeds_are_chained_and_a_change_breaks_the_chain(store: ControlStore) -> None:
    for number in range(5):
        await store.add_audit(
            AT, "ann", "run.stop", ODD, {"number": number, "share": 0.1, ODD: [None, (1, 2)], "n": "\0"}
        )
    rows = await store.audit()
    assert [row.number for row in rows] == [1, 2, 3, 4, 5]
    assert rows[0].detail == {"number": 0, "share": 0.1, ODD: [None, [1, 2]], "n": "\0"}
    assert first_broken(rows) is None
    assert first_broken(rows[3:], rows[2]) is None
    assert first_broken([*rows[:2], replace(rows[2], actor="bob"), *rows[3:]]) == 3
    assert first_broken([*rows[:2], *rows[3:]]) == 4
    assert first_broken([rows[1], rows[0]]) == 2
    assert await store.audit(after=3) == rows[3:]
    assert await store.audit(after=1, limit=2) == rows[1:3]


async def test_deeds_of_many_at_once_are_one_chain(open_control: OpenControl) -> None:
    stores = [await open_control() for _ in range(3)]
    await asyncio.gather(*(stores[number % 3].add_audit(AT, "ann", "a", str(number), {}) for number in range(24)))
    rows = await stores[0].audit()
    assert first_broken(rows) is None
    assert sorted(int(row.subject) for row in rows) == list(range(24))


async def test_a_detail_that_is_no_document_is_refused(store: ControlStore) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        await store.add_audit(AT, "ann", "a", "s", {"share": float("nan")})
    assert await store.audit() == []


# What can't be kept.


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
async def test_a_text_that_some_database_can_t_keep_is_refused_by_all(
    store: ControlStore, term: int, text: str
) -> None:
    with pytest.raises(StoreFailed, match="a text holds"):
        await store.add_test(term, TestRow("t", text, AT))
    with pytest.raises(StoreFailed, match="a text holds"):
        await store.add_run(term, a_run(name=text))
    with pytest.raises(StoreFailed, match="a text holds"):
        await store.add_audit(AT, text, "a", "s", {})
    assert (await store.tests(), await store.runs(limit=9), await store.audit()) == ([], [], [])


# Code.


async def test_a_bundle_is_kept_under_its_name_and_stays_as_it_was(store: ControlStore, term: int) -> None:
    assert await store.bundle("c0de") is None
    row = BundleRow("c0de", ODD, AT, "ann")
    await store.add_bundle(term, row)
    await store.add_bundle(term, BundleRow("c0de", ODD, LATER, "bob"))
    await store.add_bundle(term, BundleRow("0ther", "{}", AT, "ann"))
    assert await store.bundle("c0de") == row


async def test_a_run_names_its_bundle_and_nothing_that_is_written_later_changes_that(
    store: ControlStore, term: int
) -> None:
    row = await store.add_run(term, a_run(bundle_sha256="c0de"))
    assert row.bundle_sha256 == "c0de"
    saved = await store.save_run(term, replace(row, bundle_sha256="0ther", state=RunState.RUNNING), {"to": "running"})
    assert (saved.bundle_sha256, saved.state) == ("c0de", RunState.RUNNING)
    assert (await store.add_run(term, a_run("r2"))).bundle_sha256 is None


async def test_the_same_plan_with_other_code_is_another_version(store: ControlStore, term: int) -> None:
    await store.add_test(term, TestRow("t", "shop", AT))
    row = TestVersionRow("t", 0, "{}", "a", AT, "ann")
    versions = [
        await store.add_test_version(term, replace(row, bundle_sha256=name)) for name in (None, "c0de", "c0de", "0ther")
    ]
    assert [each.version for each in versions] == [1, 2, 2, 3]
    assert [each.bundle_sha256 for each in await store.test_versions("t")] == [None, "c0de", "0ther"]
