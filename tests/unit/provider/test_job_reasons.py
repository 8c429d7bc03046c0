"""What stands in the way of a Job's workers is said in words, through the server and all."""

import pytest
from tests.unit.provider.conftest import OpenJobs
from tests.unit.provider.fake_api import FakeApi, status
from tests.unit.provider.fake_cluster import FakeCluster
from tests.unit.provider.following import NAME, RUN, failed, says, started, turns, until

pytestmark = pytest.mark.asyncio


async def test_a_worker_that_can_t_be_used_like_that_ends_its_job_at_once(
    cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    jobs = open_jobs()
    cluster.exits = 2
    (told,) = await until(jobs, [RUN], says("with 2: what it said last"))
    assert told.failed
    assert "its Job has failed: Container worker failed with exit code 2 (PodFailurePolicy)" in told.reason


async def test_a_worker_that_fails_is_made_once_more_and_works(cluster: FakeCluster, open_jobs: OpenJobs) -> None:
    jobs = open_jobs()
    await until(jobs, [RUN], started(2))
    cluster.end(cluster.pods[0], 1, "our fault")
    (told,) = await until(jobs, [RUN], lambda _: cluster.made == 3)
    (told,) = await until(jobs, [RUN], started(2))
    assert (told.reason, told.failed) == ("", False)


async def test_a_worker_that_fails_twice_is_missed_for_good_and_the_others_go_on(
    cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    jobs = open_jobs()
    await until(jobs, [RUN], started(2))
    cluster.end(cluster.pods[0], 1, "said\nour fault\n")
    cluster.end(cluster.pods[-1], 1, "our fault")
    (told,) = await until(jobs, [RUN], lambda statuses: failed(statuses) and says("2 workers")(statuses))
    assert told.started == 1
    assert told.reason == "2 workers have ended with 1: our fault"


async def test_a_job_whose_workers_have_all_ended_well_is_over(cluster: FakeCluster, open_jobs: OpenJobs) -> None:
    jobs = open_jobs()
    await until(jobs, [RUN], started(2))
    for pod in cluster.pods:
        cluster.end(pod, 0)
    (told,) = await until(jobs, [RUN], lambda statuses: started(0)(statuses) and says("its workers have")(statuses))
    assert told.failed
    assert told.reason == "its workers have ended"


async def test_a_job_whose_time_is_over_has_failed(cluster: FakeCluster, open_jobs: OpenJobs) -> None:
    jobs = open_jobs()
    await until(jobs, [RUN], started(2))
    cluster.finish(cluster.jobs[0], "Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
    (told,) = await until(jobs, [RUN], failed)
    assert told.reason == "its Job has failed: Job was active longer than specified deadline (DeadlineExceeded)"


async def test_pods_that_no_node_takes_and_pods_without_their_image_are_counted(
    cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    cluster.runs_pods = False
    jobs = open_jobs()
    await until(jobs, [RUN], lambda _: len(cluster.pods) == 2)
    for pod in cluster.pods:
        cluster.unschedulable(pod, "0/4 nodes are available: 4 Insufficient cpu")
    (told,) = await until(jobs, [RUN], says("pods"))
    assert told.reason == "2 pods wait: 0/4 nodes are available: 4 Insufficient cpu"
    cluster.wait(cluster.pods[0], "ErrImagePull", "not found")
    (told,) = await until(jobs, [RUN], says("image"))
    image = cluster.pods[0]["spec"]["containers"][0]["image"]
    assert told.reason == (
        f"1 pod: image {image} cannot be pulled (ErrImagePull): not found; "
        "1 pod waits: 0/4 nodes are available: 4 Insufficient cpu"
    )
    assert not told.failed
    for pod in cluster.pods:
        cluster.run(pod)
    (told,) = await until(jobs, [RUN], started(2))
    assert told.reason == ""


async def test_pods_that_a_quota_forbids_are_told_of_by_events_of_the_job(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    cluster.makes_pods = False
    jobs = open_jobs()
    await until(jobs, [RUN], lambda _: NAME in api.objects["jobs"])
    job = api.objects["jobs"][NAME]
    cluster.warn("Job", {"metadata": {"name": NAME, "uid": "another"}}, "FailedCreate", "of before")
    cluster.warn("Job", job, "FailedCreate", "older")
    cluster.warn("Job", job, "FailedCreate", 'pods "x" is forbidden: exceeded quota: cpus')
    (told,) = await until(jobs, [RUN], says("quota"))
    assert told.reason == 'not all of its pods are made: pods "x" is forbidden: exceeded quota: cpus'
    assert not told.failed
    cluster.makes_pods = True
    cluster.settle()
    (told,) = await until(jobs, [RUN], started(2))
    assert told.reason == ""
    asked = api.asked["list events"]
    await turns(jobs, [RUN])
    assert api.asked["list events"] <= asked + 1


async def test_pods_that_are_never_started_are_told_of_by_their_events(
    cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    cluster.runs_pods = False
    jobs = open_jobs()
    await until(jobs, [RUN], lambda _: len(cluster.pods) == 2)
    for pod in cluster.pods:
        cluster.wait(pod, "ContainerCreating")
        cluster.warn("Pod", pod, "FailedMount", 'MountVolume.SetUp failed: secret "token" not found')
    (told,) = await until(jobs, [RUN], says("token"))
    assert told.reason == 'a pod is not started: MountVolume.SetUp failed: secret "token" not found'


async def test_who_may_not_see_events_goes_without(api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs) -> None:
    cluster.makes_pods = False
    api.always["list events"] = status(403, "Forbidden", "no events for you")
    jobs = open_jobs()
    await until(jobs, [RUN], lambda _: api.asked["list events"] > 1)
    (told,) = await jobs.provide([RUN])
    assert told.reason == ""
    await until(jobs, [], lambda _: not cluster.jobs)
