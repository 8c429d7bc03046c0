"""Whatever an API server does wrong: it ends in a state that is named, in words, and without asking all the time."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from aiohttp import web
from tests.ports import free_port
from tests.unit.provider.conftest import OpenJobs
from tests.unit.provider.fake_api import FakeApi, status
from tests.unit.provider.fake_cluster import FakeCluster
from tests.unit.provider.following import NAME, QUICK, RUN, failed, jobs_at, says, started, turns, until

pytestmark = pytest.mark.asyncio
QUOTA = 'jobs.batch "apibench-x" is forbidden: exceeded quota: few, requested: count/jobs.batch=1, used: 1, limited: 1'
NO_LISTS = [
    b"<html>a portal</html>",
    b"[]",
    b"{}",
    b'{"items": 3, "metadata": {}}',
    b'{"items": [3], "metadata": {"resourceVersion": "1"}}',
]
FEW = 20
"""Tries, that is. With pauses that double, so many take minutes; without any, a blink."""


@pytest.mark.parametrize(
    ("code", "reason", "message"),
    [
        (400, "BadRequest", 'strict decoding error: unknown field "spec.template.spec.contianers"'),
        (403, "Forbidden", QUOTA),
        (403, "Forbidden", 'User "agent" cannot create resource "jobs" in API group "batch"'),
        (404, "NotFound", 'namespaces "tests" not found'),
        (422, "Invalid", 'Job.batch "apibench-x" is invalid: spec.completions: must be positive'),
    ],
)
async def test_a_job_that_is_refused_for_good_is_asked_for_once_and_said_to_have_failed(
    api: FakeApi, open_jobs: OpenJobs, code: int, reason: str, message: str
) -> None:
    api.always["create jobs"] = status(code, reason, message)
    jobs = open_jobs()
    (told,) = await until(jobs, [RUN], failed)
    assert told.reason == f"its Job can't be made: {message} ({code} {reason})"
    await turns(jobs, [RUN])
    assert api.asked["create jobs"] == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (401, "Unauthorized"),
        (409, "Conflict"),
        (429, "TooManyRequests"),
        (500, "InternalError"),
        (503, "ServiceUnavailable"),
    ],
)
async def test_a_job_that_is_refused_for_now_is_asked_for_again_and_made(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs, code: int, reason: str
) -> None:
    api.answer_next("create jobs", *[status(code, reason, "not now")] * 3)
    jobs = open_jobs()
    (told,) = await until(jobs, [RUN], says("not now"))
    assert not told.failed
    (told,) = await until(jobs, [RUN], started(2))
    assert told.reason == ""
    assert api.asked["create jobs"] == 4
    assert len(cluster.jobs) == 1


async def test_a_server_that_asks_for_patience_gets_it(api: FakeApi, open_jobs: OpenJobs) -> None:
    api.always["create jobs"] = status(429, "TooManyRequests", "slow down", Retry_After="60")
    jobs = open_jobs()
    await until(jobs, [RUN], says("the API server answers with 429: slow down"))
    await turns(jobs, [RUN], 100)
    assert api.asked["create jobs"] == 1


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("deed", ["create jobs", "list jobs", "list pods", "watch jobs", "watch pods", "delete jobs"])
@pytest.mark.parametrize("code", [403, 410, 429, 500])
async def test_what_never_goes_well_is_not_tried_all_the_time(
    api: FakeApi, open_jobs: OpenJobs, deed: str, code: int
) -> None:
    jobs = open_jobs()
    if deed == "delete jobs":
        await until(jobs, [RUN], started(2))
    api.always[deed] = status(code, "Whatever", "it is so")
    wanted = [] if deed == "delete jobs" else [RUN]
    await until(jobs, wanted, lambda _: api.asked[deed] > 0)
    await turns(jobs, wanted)
    assert all(count <= FEW for count in api.asked.values()), api.asked


async def test_watches_that_are_ended_at_once_are_not_begun_all_the_time(api: FakeApi, open_jobs: OpenJobs) -> None:
    jobs = open_jobs(replace(QUICK, calm_s=10.0))
    for _ in range(100):
        await jobs.provide([])
        api.end_watches()
        await turns(jobs, [], 1)
    assert all(count <= FEW for count in api.asked.values()), api.asked


async def test_nothing_is_made_and_nothing_deleted_before_it_is_known_what_is_there(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    first = open_jobs()
    await until(first, [RUN], started(2))
    await first.close()
    refused = status(403, "Forbidden", 'User "agent" cannot list resource "jobs"')
    api.always["list jobs"] = refused
    second = open_jobs()
    (told,) = await until(second, [RUN], says("cannot list resource"))
    assert not told.failed
    await turns(second, [])
    assert (api.asked["create jobs"], api.asked["delete jobs"]) == (1, 0)
    assert len(cluster.jobs) == 1


async def test_a_server_that_is_not_there_is_named_and_found_when_it_is() -> None:
    api = FakeApi()
    cluster = FakeCluster(api)
    cluster.runs_pods = True
    jobs = jobs_at(api.url)
    try:
        (told,) = await until(jobs, [RUN], says("the API server does not answer: connection refused"))
        assert not told.failed
        await api.start()
        await until(jobs, [RUN], lambda told: started(2)(told) and not told[0].reason)
    finally:
        await jobs.close()
        await api.stop()


@pytest.mark.usefixtures("cluster")
async def test_a_server_that_goes_leaves_what_was_known_and_says_how_old_it_is(
    api: FakeApi, open_jobs: OpenJobs
) -> None:
    jobs = open_jobs()
    await until(jobs, [RUN], started(2))
    await api.stop()
    (told,) = await until(jobs, [RUN], says("the API server does not answer"))
    assert told.started == 2
    assert not told.failed
    assert "(what is known is 0 s old)" in told.reason
    await api.start()
    (told,) = await until(jobs, [RUN], lambda statuses: not statuses[0].reason)
    assert told.started == 2
    assert api.asked["create jobs"] == 1


@pytest.mark.usefixtures("cluster")
async def test_an_outage_that_is_short_is_told_to_nobody(api: FakeApi, open_jobs: OpenJobs) -> None:
    jobs = open_jobs(replace(QUICK, bear_s=1000.0))
    await until(jobs, [RUN], started(2))
    await api.stop()
    (told,) = await turns(jobs, [RUN])
    assert (told.started, told.reason) == (2, "")


async def test_a_server_that_takes_connections_and_says_nothing_is_named() -> None:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    port = free_port()
    server = await asyncio.start_server(hold, "127.0.0.1", port)
    jobs = jobs_at(f"http://127.0.0.1:{port}", call_s=0.05)
    try:
        await until(jobs, [RUN], says("the API server does not answer: it has said nothing within 0 s"))
    finally:
        await jobs.close()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("body", NO_LISTS)
async def test_a_server_that_is_something_else_is_named(api: FakeApi, open_jobs: OpenJobs, body: bytes) -> None:
    api.always["list jobs"] = lambda: web.Response(body=body)
    (told,) = await until(open_jobs(), [RUN], says("the API server does not answer: what it"))
    assert not told.failed


Spoil = Callable[[FakeApi], None]


def forgotten(api: FakeApi) -> None:
    api.bookmark("jobs")
    api.forget()
    api.end_watches()


def cut(api: FakeApi) -> None:
    for watcher in api.watchers:
        watcher.cut_at = 20


def silent(api: FakeApi) -> None:
    for watcher in api.watchers:
        watcher.stalled = True


def nonsense(api: FakeApi) -> None:
    api.say("pods", b"nonsense\n")


def no_event(api: FakeApi) -> None:
    api.say("pods", b'{"type": "MODIFIED", "object": {"kind": "Pod"}}\n')


SPOILS: dict[str, Spoil] = {
    "it forgets, and says so when it is asked": forgotten,
    "it forgets, and says so in a watch": lambda api: api.say_error("pods", 410, "Expired"),
    "it fails in a watch": lambda api: api.say_error("pods", 500, "InternalError"),
    "it breaks watches off": lambda api: api.break_watches(),
    "it ends watches": lambda api: api.end_watches(),
    "it breaks off in the middle of a line": cut,
    "it says nothing any more": silent,
    "it says nonsense": nonsense,
    "it says what is no event": no_event,
}


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
async def test_a_watch_that_goes_wrong_is_begun_again_and_nothing_is_missed(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs, spoil: Spoil
) -> None:
    jobs = open_jobs(replace(QUICK, silence_s=0.3))
    await until(jobs, [RUN], started(2))
    spoil(api)
    for pod in cluster.pods:
        cluster.wait(pod, "ImagePullBackOff")
    await until(jobs, [RUN], started(0))
    for pod in cluster.pods:
        api.remove("pods", pod["metadata"]["name"])
    cluster.settle()
    (told,) = await until(jobs, [RUN], started(2))
    assert not told.failed
    assert api.asked["create jobs"] == 1
    assert api.asked["list pods"] <= FEW


@pytest.mark.usefixtures("cluster")
async def test_a_watch_that_breaks_off_goes_on_from_where_it_was(api: FakeApi, open_jobs: OpenJobs) -> None:
    jobs = open_jobs()
    await until(jobs, [RUN], started(2))
    watches: list[int] = []
    for _ in range(3):
        watches.append(api.asked["watch pods"])
        api.break_watches()
        await until(jobs, [RUN], lambda _: api.asked["watch pods"] > watches[-1])
    assert api.asked["list pods"] == 1


@pytest.mark.parametrize(
    "name",
    [
        "it forgets, and says so in a watch",
        "it fails in a watch",
        "it says nothing any more",
        "it says what is no event",
    ],
)
async def test_what_may_have_been_missed_is_listed_again(api: FakeApi, open_jobs: OpenJobs, name: str) -> None:
    jobs = open_jobs(replace(QUICK, silence_s=0.3) if SPOILS[name] is silent else QUICK)
    await until(jobs, [], lambda _: len(api.watchers) == 2)
    SPOILS[name](api)
    await until(jobs, [], lambda _: api.asked["list pods"] >= 2)


async def test_a_deletion_that_no_watch_tells_of_is_asked_for_once(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    jobs = open_jobs()
    await until(jobs, [RUN], started(2))
    silent(api)
    await until(jobs, [], lambda _: not cluster.jobs)
    await turns(jobs, [])
    assert api.asked["delete jobs"] == 1


async def test_a_bookmark_spares_a_list_after_the_server_has_forgotten_what_was_before(
    api: FakeApi, open_jobs: OpenJobs
) -> None:
    jobs = open_jobs()
    await until(jobs, [], lambda _: len(api.watchers) == 2)
    api.put("jobs", {"metadata": {"name": "of somebody else"}})
    api.forget()
    for plural in ("jobs", "pods"):
        api.bookmark(plural)
    api.end_watches()
    await until(jobs, [], lambda _: len(api.watchers) == 2 and api.asked["watch jobs"] == 2)
    assert (api.asked["list jobs"], api.asked["list pods"]) == (1, 1)
    assert api.queries["watch jobs"][0]["allowWatchBookmarks"] == "true"
    assert api.queries["watch jobs"][0]["timeoutSeconds"] == "60"


@pytest.mark.parametrize("code", [404, 409])
async def test_a_deletion_that_comes_too_late_is_none(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs, code: int
) -> None:
    jobs = open_jobs()
    await until(jobs, [RUN], started(2))
    api.answer_next("delete jobs", status(code, "TooLate", "it is gone, or another one"))
    await until(jobs, [], lambda _: api.asked["delete jobs"] == 1)
    if code == 404:
        api.remove("jobs", NAME)
    await until(jobs, [], lambda _: not cluster.jobs)


async def test_a_deletion_that_is_refused_is_tried_again(
    api: FakeApi, cluster: FakeCluster, open_jobs: OpenJobs
) -> None:
    jobs = open_jobs()
    await until(jobs, [RUN], started(2))
    api.answer_next("delete jobs", status(500, "InternalError", "no"), status(403, "Forbidden", "no"))
    await until(jobs, [], lambda _: not cluster.jobs and not cluster.pods)
    assert api.asked["delete jobs"] == 3
