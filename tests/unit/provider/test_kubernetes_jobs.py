"""One Job for each run that is wanted, and none beside: made once, deleted once, and never made again."""

import asyncio
import logging
from dataclasses import replace

import pytest
from tests.unit.provider.conftest import OpenJobs
from tests.unit.provider.fake_api import FakeApi, status
from tests.unit.provider.fake_cluster import FakeCluster
from tests.unit.provider.following import (
    FORM,
    NAME,
    OTHER,
    QUICK,
    RUN,
    failed,
    says,
    started,
    turns,
    until,
)

pytestmark = pytest.mark.asyncio


async def test_a_run_that_is_wanted_gets_one_job_however_often_it_is_said(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    jobs = open_jobs()
    await until(jobs, [RUN, OTHER], started(3))
    statuses = await turns(jobs, [RUN, OTHER])
    assert [(each.run_id, each.started, each.reason, each.failed) for each in statuses] == [
        (RUN.run_id, 2, "", False),
        (OTHER.run_id, 1, "", False),
    ]
    assert api.asked["create jobs"] == len(api.objects["jobs"]) == 2
    assert cluster.made == 3
    assert api.queries["create jobs"][0]["fieldValidation"] == "Strict"


async def test_what_is_asked_first_is_answered_before_the_server_has_answered(
    cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    (status_of,) = await open_jobs().provide([RUN])
    assert (status_of.started, status_of.reason, status_of.failed) == (0, "", False)
    assert cluster.made == 0


async def test_a_job_that_is_no_longer_wanted_is_deleted_with_its_pods_and_the_others_stay(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    jobs = open_jobs()
    await until(jobs, [RUN, OTHER], started(3))
    uid = api.objects["jobs"][NAME]["metadata"]["uid"]
    await until(jobs, [OTHER], lambda _: len(cluster.jobs) == len(cluster.pods) == 1)
    await turns(jobs, [OTHER])
    assert api.asked["delete jobs"] == 1
    assert api.bodies[0]["propagationPolicy"] == "Foreground"
    assert api.bodies[0]["preconditions"] == {"uid": uid}


async def test_a_job_that_takes_its_time_to_go_is_deleted_once(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    jobs = open_jobs()
    await until(jobs, [RUN], started(2))
    api.on_change = lambda: None  # its pods have their grace period
    await until(jobs, [], lambda _: "deletionTimestamp" in api.objects["jobs"][NAME]["metadata"])
    await turns(jobs, [])
    assert api.asked["delete jobs"] == 1
    (told,) = await until(jobs, [RUN], failed)  # wanted again, too late
    assert told.reason == "its Job is being deleted"
    cluster.settle()
    await until(jobs, [], lambda _: not cluster.pods and not cluster.jobs)


async def test_an_agent_that_starts_again_finds_its_jobs_and_makes_none_twice(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    first = open_jobs()
    await until(first, [RUN, OTHER], started(3))
    await first.close()
    assert len(cluster.jobs) == 2
    second = open_jobs()
    await until(second, [RUN, OTHER], started(3))
    assert api.asked["create jobs"] == 2
    await until(second, [RUN], lambda _: [job["metadata"]["name"] for job in cluster.jobs] == [NAME])


async def test_jobs_of_others_are_neither_seen_nor_touched(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    other = replace(FORM, agent="agent-us", region="us").document(RUN)
    api.put("jobs", other)
    api.put("jobs", {"metadata": {"name": "a-migration"}, "spec": {}})
    cluster.makes_pods = False
    jobs = open_jobs()
    await until(jobs, [RUN], lambda _: NAME in api.objects["jobs"])
    await until(jobs, [], lambda _: NAME not in api.objects["jobs"])
    assert len(cluster.jobs) == 2
    assert api.asked["delete jobs"] == 1


async def test_a_creation_whose_answer_was_lost_has_made_one_job(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    api.lost_answers = 1
    await until(open_jobs(), [RUN], started(2))
    assert len(cluster.jobs) == 1
    assert cluster.made == 2


async def test_a_creation_whose_answer_was_lost_is_found_by_its_name_before_any_watch_tells_of_it(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    api.lost_answers = 1
    api.stalls = True
    jobs = open_jobs()
    await until(jobs, [RUN], lambda _: api.asked["read jobs"] == 1)
    (told,) = await turns(jobs, [RUN])
    assert (told.started, told.reason, told.failed) == (0, "", False)
    assert (api.asked["create jobs"], api.asked["read jobs"], len(cluster.jobs)) == (2, 1, 1)


async def test_a_job_of_that_name_which_is_not_ours_is_left_alone(api: FakeApi, open_jobs: OpenJobs) -> None:
    api.put("jobs", replace(FORM, agent="agent-of-before").document(RUN))
    jobs = open_jobs()
    (told,) = await until(jobs, [RUN], failed)
    assert told.reason == f"its Job can't be made: there is one named {NAME} which this agent has not made"
    await turns(jobs, [])
    assert NAME in api.objects["jobs"]
    assert api.asked["create jobs"] == 1
    assert api.asked["delete jobs"] == 0


async def test_a_job_that_was_there_and_is_gone_is_not_made_again(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    jobs = open_jobs()
    await until(jobs, [RUN], started(2))
    for pod in cluster.pods:
        api.remove("pods", pod["metadata"]["name"])
    api.remove("jobs", NAME)
    (told,) = await until(jobs, [RUN], failed)
    assert told.reason.startswith("its Job is gone")
    await turns(jobs, [RUN])
    assert api.asked["create jobs"] == 1


async def test_a_job_that_was_made_and_never_seen_is_gone_after_a_while(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    cluster.makes_pods = False
    api.on_change = api.objects["jobs"].clear  # somebody is quicker than any watch
    api.stalls = True
    (told,) = await until(open_jobs(replace(QUICK, appear_s=0.05)), [RUN], failed)
    assert told.reason.startswith("its Job is gone")
    assert api.asked["create jobs"] == 1


async def test_more_workers_than_it_makes_at_once_are_refused_until_there_is_room(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    jobs = open_jobs(max_workers=2)
    first, second = await until(jobs, [RUN, OTHER], lambda statuses: statuses[0].started == 2)
    assert not first.failed
    assert second.failed
    assert second.reason == "this agent makes up to 2 workers at once, and 0 more now"
    await turns(jobs, [OTHER, RUN])  # who is there keeps its room, whoever comes first
    assert api.asked["create jobs"] == 1
    await until(jobs, [OTHER], started(1))
    assert not (await jobs.provide([OTHER]))[0].failed
    assert len(cluster.pods) <= 3


async def test_without_a_bound_it_makes_as_many_as_are_wanted(cluster: FakeCluster, open_jobs: OpenJobs) -> None:
    await until(open_jobs(max_workers=0), [replace(RUN, count=40)], started(40))
    assert cluster.made == 40


async def test_an_end_of_the_agent_leaves_jobs_alone(api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs) -> None:
    jobs = open_jobs()
    await until(jobs, [RUN], started(2))
    await jobs.close()
    await until_nobody_watches(api)
    assert len(cluster.jobs) == 1
    assert len(cluster.pods) == 2


async def test_an_agent_that_ends_while_it_makes_a_job_leaves_nothing_going_on(
    api: FakeApi, open_jobs: OpenJobs
) -> None:
    jobs = open_jobs()
    api.answer_next("create jobs", status(429, "TooManyRequests", "slow down", Retry_After="60"))
    await until(jobs, [RUN], says("slow down"))
    await jobs.close()
    assert api.objects["jobs"] == {}


async def until_nobody_watches(api: FakeApi) -> None:
    async with asyncio.timeout(20):
        while api.watchers:
            api.bookmark("jobs")  # who is gone is noticed when something is said to it
            api.bookmark("pods")
            await asyncio.sleep(0.005)


async def test_each_line_of_the_log_says_of_which_run_and_region_it_is(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    api.answer_next("create jobs", status(503, "ServiceUnavailable", "not now"))
    api.answer_next("delete jobs", status(503, "ServiceUnavailable", "not now"))
    jobs = open_jobs()
    await until(jobs, [RUN], started(2))
    await until(jobs, [], lambda _: not cluster.jobs)
    lines = [line for line in caplog.records if line.name.startswith("apibench")]
    assert [line.getMessage().partition(f"the Job {NAME} ")[2][:12] for line in lines] == [
        "can't be mad",
        "is made, of ",
        "can't be del",
        "is deleted: ",
    ]
    assert {(vars(line)["run_id"], vars(line)["region"]) for line in lines} == {(RUN.run_id, "eu")}
