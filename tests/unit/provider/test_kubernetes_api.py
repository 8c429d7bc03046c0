"""What is asked of an API server, and what its answers mean."""

import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from tests.ports import free_port
from tests.unit.provider.fake_api import FakeApi, status
from tests.unit.provider.following import FORM, NAME, RUN, api_at

from apibench.provider.api_fault import ApiRefusal, ApiSilent, WatchStalled
from apibench.provider.kind import JOBS, PODS
from apibench.provider.kubernetes_api import PAGE, KubernetesApi, refusal


@pytest_asyncio.fixture
async def client(api: FakeApi) -> AsyncIterator[KubernetesApi]:
    found = api_at(api.url)
    yield found
    await found.close()


@pytest.mark.asyncio
async def test_a_long_list_comes_in_pages(api: FakeApi, client: KubernetesApi) -> None:
    names = {f"pod-{number}" for number in range(2 * PAGE + 1)}
    for name in names:
        api.put("pods", {"metadata": {"name": name, "labels": {"a": "b"}}})
    api.put("pods", {"metadata": {"name": "of another"}})
    found, version = await client.all_of(PODS, "a=b")
    assert {each["metadata"]["name"] for each in found} == names
    assert version == api.objects["pods"]["of another"]["metadata"]["resourceVersion"]
    assert api.asked["list pods"] == 3


@pytest.mark.asyncio
async def test_what_was_made_can_be_read_and_deleted(client: KubernetesApi) -> None:
    await client.create(JOBS, FORM.document(RUN))
    job = await client.read(JOBS, NAME)
    assert job["spec"]["completions"] == RUN.count
    await client.delete(JOBS, NAME, job["metadata"]["uid"])
    with pytest.raises(ApiRefusal) as caught:
        await client.delete(JOBS, NAME, "another")
    assert (caught.value.status, caught.value.is_taken) == (409, False)


@pytest.mark.asyncio
async def test_a_refusal_comes_with_all_that_it_says(api: FakeApi, client: KubernetesApi) -> None:
    api.answer_next("create jobs", status(429, "TooManyRequests", "slow down", Retry_After="7"))
    with pytest.raises(ApiRefusal, match="the API server answers with 429: slow down") as caught:
        await client.create(JOBS, FORM.document(RUN))
    assert (caught.value.reason, caught.value.retry_after_s, caught.value.is_for_good) == (
        "TooManyRequests",
        7.0,
        False,
    )


@pytest.mark.asyncio
async def test_a_watch_that_says_nothing_has_stalled(client: KubernetesApi) -> None:
    async with client.watch(JOBS, "", "1", 60, 0.05) as events:
        with pytest.raises(WatchStalled, match="said nothing"):
            await anext(events)


@pytest.mark.asyncio
async def test_a_connection_that_watches_is_asked_by_the_kernel_whether_it_still_is_one(
    client: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    from apibench.provider import kubernetes_api

    kept = kubernetes_api._keep_alive
    options: list[int] = []

    def keep(response: aiohttp.ClientResponse) -> None:
        kept(response)
        assert response.connection is not None
        assert response.connection.transport is not None
        connection = response.connection.transport.get_extra_info("socket")
        options.append(connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        options.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE))

    monkeypatch.setattr(kubernetes_api, "_keep_alive", keep)
    async with client.watch(JOBS, "", "1", 60, 30.0):
        assert options == [1, 15]


@pytest.mark.asyncio
async def test_nobody_there_is_a_silence_and_no_refusal() -> None:
    nobody = api_at(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ApiSilent, match="the API server does not answer: connection refused") as caught:
        await nobody.read(JOBS, "x")
    assert not caught.value.is_for_good
    await nobody.close()


def test_a_date_to_come_back_at_and_a_body_that_is_no_status_mean_no_more_than_they_say() -> None:
    found = refusal(503, b"<html>no upstream</html>", "Wed, 21 Oct 2026 07:28:00 GMT")
    assert (found.retry_after_s, found.message, found.reason) == (0.0, "<html>no upstream</html>", "")
    assert refusal(500, b"").message == "nothing more"


def test_the_seconds_to_wait_may_stand_in_the_body() -> None:
    assert refusal(429, b'{"details": {"retryAfterSeconds": 3}}').retry_after_s == 3.0
    assert refusal(429, b'{"details": {"retryAfterSeconds": 3}}', "5").retry_after_s == 5.0


@given(st.integers(400, 599), st.one_of(st.binary(max_size=200), st.from_type(object).map(repr).map(str.encode)))
def test_any_body_makes_a_refusal(code: int, body: bytes) -> None:
    found = refusal(code, body)
    assert found.status == code
    assert found.message


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["details", "retryAfterSeconds", "reason", "message"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(JSON)
def test_any_json_makes_a_refusal(document: object) -> None:
    found = refusal(429, json.dumps(document).encode())
    assert found.retry_after_s >= 0


@pytest.mark.parametrize("code", [400, 403, 404, 405, 413, 415, 422])
def test_what_can_t_be_otherwise_later_is_for_good(code: int) -> None:
    assert ApiRefusal(code, "", "").is_for_good


@pytest.mark.parametrize("code", [301, 401, 408, 409, 410, 425, 429, 500, 502, 503, 504])
def test_what_can_be_otherwise_later_is_not(code: int) -> None:
    assert not ApiRefusal(code, "", "").is_for_good
