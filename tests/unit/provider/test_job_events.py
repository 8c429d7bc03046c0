"""What an agent says of its Jobs where people look at the cluster: once each, and never in the way of anything."""

from typing import Any

import kubernetes_validate
import pytest
from tests.unit.provider.conftest import OpenJobs
from tests.unit.provider.fake_api import NAMESPACE, FakeApi, status
from tests.unit.provider.fake_cluster import FakeCluster
from tests.unit.provider.following import FORM, NAME, RUN, failed, started, turns, until

from apibench.provider import kubernetes_jobs
from apibench.provider.job_events import REFUSED, event_document

pytestmark = pytest.mark.asyncio
QUOTA = "exceeded quota: few"


def said(api: FakeApi) -> list[tuple[str, str, str]]:
    """By the agent: kind, reason and message of each event."""
    own = [each for each in api.objects["events"].values() if each.get("source") == {"component": "apibench-agent"}]
    return [(each["type"], each["reason"], each["message"]) for each in own]


@pytest.mark.parametrize("version", ["1.29", "1.37"])
async def test_it_is_an_event_of_kubernetes(version: str) -> None:
    job = {"name": NAME, "namespace": NAMESPACE, "uid": "7"}
    event = {**event_document(FORM, job, RUN.run_id, REFUSED, "x")}
    event["metadata"]["namespace"] = NAMESPACE
    kubernetes_validate.validate(event, version, strict=True)
    with pytest.raises(kubernetes_validate.ValidationError, match="reasons"):
        kubernetes_validate.validate({**event, "reasons": "x"}, version, strict=True)


@pytest.mark.parametrize("letter", ["x", "ü", "\ud800"])
async def test_a_message_is_cut_to_what_kubernetes_takes(letter: str) -> None:
    message = event_document(FORM, {"name": NAME}, RUN.run_id, REFUSED, letter * 3_000)["message"]
    assert 900 < len(message.encode()) <= 1_000


async def test_a_job_that_can_t_be_made_is_told_of_where_there_is_none(
    api: FakeApi, open_jobs: OpenJobs, caplog: pytest.LogCaptureFixture
) -> None:
    api.always["create jobs"] = status(403, "Forbidden", QUOTA)
    jobs = open_jobs()
    (told,) = await until(jobs, [RUN], failed)
    await until(jobs, [RUN], lambda _: bool(said(api)))
    await turns(jobs, [RUN])
    assert said(api) == [("Warning", "RunRefused", told.reason)]
    (event,) = api.objects["events"].values()
    assert event["involvedObject"] == {"apiVersion": "batch/v1", "kind": "Job", "name": NAME, "namespace": NAMESPACE}
    assert event["metadata"]["labels"]["apibench/run"] == RUN.run_id
    assert [(line.getMessage(), vars(line)["run_id"]) for line in caplog.records] == [(told.reason, RUN.run_id)]


async def test_how_it_came_that_no_more_workers_come_is_told_once_and_not_taken_for_news(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    cluster.exits = 3
    jobs = open_jobs()
    (told,) = await until(jobs, [RUN], failed)
    await until(jobs, [RUN], lambda _: bool(said(api)))
    (again,) = await turns(jobs, [RUN])
    ((kind, reason, message),) = said(api)
    assert (kind, reason) == ("Warning", "RunFailed")
    assert "ended with 3" in message
    assert message not in again.reason.replace(told.reason, "", 1)
    (event,) = api.objects["events"].values()
    assert event["involvedObject"]["uid"] == api.objects["jobs"][NAME]["metadata"]["uid"]


async def test_a_job_that_has_failed_is_not_told_of_before_its_pods_are(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    jobs = open_jobs()
    await until(jobs, [RUN], started(2))
    (job,) = cluster.jobs
    cluster.finish(job, "Failed", "BackoffLimitExceeded", "too many")
    await until(jobs, [RUN], failed)
    await turns(jobs, [RUN])
    assert said(api) == []
    pod = cluster.pods[0]
    ended = {"name": "worker", "state": {"terminated": {"exitCode": 3, "reason": "Error"}}}
    api.put("pods", {**pod, "status": {"phase": "Failed", "containerStatuses": [ended]}})
    await until(jobs, [RUN], lambda _: bool(said(api)))
    assert "ended with 3" in said(api)[0][2]


async def test_a_job_that_has_failed_without_a_failed_pod_is_told_of_all_the_same(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes_jobs, "LAST_WORDS_S", 0.0)
    jobs = open_jobs()
    await until(jobs, [RUN], started(2))
    (job,) = cluster.jobs
    cluster.finish(job, "Failed", "DeadlineExceeded", "too long")
    await until(jobs, [RUN], lambda _: bool(said(api)))
    assert said(api) == [("Warning", "RunFailed", "its Job has failed: too long (DeadlineExceeded)")]


async def test_a_job_whose_run_is_over_says_why_it_went(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    jobs = open_jobs()
    await until(jobs, [RUN], started(2))
    assert said(api) == []
    await until(jobs, [], lambda _: not cluster.jobs and bool(said(api)))
    await turns(jobs, [])
    assert said(api) == [("Normal", "RunOver", "its run is over: the Job is deleted")]


async def test_workers_that_have_ended_well_are_no_failure(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    cluster.exits = 0
    jobs = open_jobs()
    await until(jobs, [RUN], failed)
    await turns(jobs, [RUN])
    assert said(api) == []


async def test_who_may_not_say_anything_goes_without_and_complains_once(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs, caplog: pytest.LogCaptureFixture
) -> None:
    api.always["create events"] = status(403, "Forbidden", "no events by you")
    jobs = open_jobs()
    for _ in range(2):
        await until(jobs, [RUN], started(2))
        await until(jobs, [], lambda _: not cluster.jobs and not jobs._records)
    await until(jobs, [], lambda _: api.asked["create events"] == 2)
    await turns(jobs, [])
    complaints: list[Any] = [line for line in caplog.records if "no events by you" in line.getMessage()]
    assert [vars(line)["run_id"] for line in complaints] == [RUN.run_id]
