"""Recordings become journeys: what does not matter is dropped, and two of them tell what comes out of answers."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.authoring.importing.conftest import Import, Load
from tests.unit.authoring.importing.plans import all_steps
from tests.unit.authoring.importing.recordings import entry, recording

from apibench.model.errors import SourceUnreadable

SHOP = "https://shop.example"


def left(found: Any) -> list[str]:
    return [str(each) for each in found.left]


def test_what_does_not_change_and_what_is_of_others_is_dropped_and_told(imported: Import, load: Load) -> None:
    found = imported(
        "har",
        recording(
            entry("GET", f"{SHOP}/", "<html>"),
            entry("GET", f"{SHOP}/app.js", _resourceType="script"),
            entry("GET", f"{SHOP}/logo.png"),
            entry("GET", "https://ads.example.com/pixel", {}),
            entry("GET", "https://ads.example.com/pixel", {}),
            entry("OPTIONS", "https://api.shop.example/a", headers={"Access-Control-Request-Method": "PUT"}),
            entry("GET", f"{SHOP}/gone", status=0),
            entry("GET", f"{SHOP}/cached", {}, _fromCache="disk"),
            entry("GET", "data:text/plain,x"),
            entry("GET", "https://api.shop.example/a", {}),
        ),
    )
    plan = load(found)
    assert [all_steps(plan, at) for at in (0, 1)] == [["GET /"], ["GET /a"]]
    assert left(found) == [
        "log.entries[8]: is no request with an address of HTTP",
        "log.entries: requests of files that do not change were left out: images, styles, scripts, fonts: 2",
        "log.entries: requests that ask whether another origin may be asked (CORS) were left out: 1",
        "log.entries: requests without an answer were left out: 1",
        "log.entries: requests answered by the browser's cache were left out: 1",
        "log.entries: requests to another site were left out, https://ads.example.com: 2",
        "each host has a scenario of its own, and they run side by side",
    ]


def test_headers_that_browsers_make_are_dropped_and_what_all_requests_share_is_said_once(
    imported: Import, load: Load
) -> None:
    headers = {
        ":authority": "shop.example",
        "sec-fetch-mode": "cors",
        "accept": "text/html",
        "X-A": "b",
    }
    found = imported("har", recording(*(entry("GET", f"{SHOP}/{n}", {}, headers=headers) for n in "ab")))
    assert all_steps(load(found)) == ["GET /a [Accept: text/html] [X-A: b]", "GET /b [Accept: text/html] [X-A: b]"]
    assert found.text.count("text/html") == 1
    assert left(found) == []


def test_cookies_that_an_answer_has_set_are_kept_and_others_are_a_secret(imported: Import, load: Load) -> None:
    sets = {"name": "set-cookie", "value": "sid=first; Path=/\ntheme=dark"}
    log_in = entry("POST", f"{SHOP}/login", {}, headers={"Cookie": "from=before"})
    log_in["response"]["headers"] = [sets]
    found = imported(
        "har",
        recording(
            log_in,
            entry("GET", f"{SHOP}/a", {}, headers={"cookie": "sid=first; theme=dark"}),
            entry("GET", f"{SHOP}/b", {}, headers={"cookie": "from=before; sid=first"}),
            entry("GET", "https://api.shop.example/c", {}, headers={"cookie": "sid=first"}),
        ),
    )
    plan = load(found)
    assert [all_steps(plan, at) for at in (0, 1)] == [
        *(["POST /login [Cookie: ${secret:COOKIE}]", "GET /a", "GET /b"], ["GET /c [Cookie: ${secret:COOKIE_2}]"]),
    ]
    assert "first" not in found.text
    assert left(found) == [
        "log.entries: cookies that no answer sets were left out beside others: from",
        "each host has a scenario of its own, and they run side by side",
    ]


def test_pauses_are_the_gaps_behind_what_was_in_flight(imported: Import, load: Load) -> None:
    found = imported(
        "har",
        recording(
            entry("GET", f"{SHOP}/a", {}, at=0, took=1),
            entry("GET", f"{SHOP}/b", {}, at=0.5, took=2.5),
            entry("GET", f"{SHOP}/c", {}, at=5.3, took=0.1),
            entry("GET", f"{SHOP}/d", {}, at=5.5, took=0.1),
            entry("GET", f"{SHOP}/e", {}, at=400, took=0.1),
        ),
    )
    assert all_steps(load(found)) == ["GET /a", "GET /b", "think 2.3", "GET /c", "GET /d", "think 60", "GET /e"]
    assert left(found) == ["log.entries[4]: the pause of 394 s before it was cut to 60 s"]


def test_addresses_that_name_one_of_many_are_counted_together(imported: Import, load: Load) -> None:
    paths = ("/p/17", "/p/23?x=1", "/p/0b7c2d34-9f1e-4c55-8a6b-7f3f2f1d9e10/reviews", "/v2/about")
    plan = load(imported("har", recording(*(entry("GET", SHOP + path, {}) for path in paths))))
    names = [step["name"] for step in plan["scenarios"][0]["steps"]]
    assert names == ["GET /p/{id}", "GET /p/{id}", "GET /p/{id}/reviews", "GET /v2/about"]


def test_an_answer_that_failed_is_expected_to(imported: Import, load: Load) -> None:
    (step,) = load(imported("har", recording(entry("GET", f"{SHOP}/a", {}, status=404))))["scenarios"][0]["steps"]
    assert step["expect"]["status"] == [{"first": 404, "last": 404}]


def journey(token: str, items: list[dict[str, Any]], *, chosen: int, session: str, trace: str, order: int) -> str:
    item = items[chosen]
    bearer = {"Authorization": f"Bearer {token}"}
    return recording(
        entry("POST", f"{SHOP}/login", {"auth": {"token": token}}, body={"user": "ann", "password": "geheim 1"}),
        entry("GET", f"{SHOP}/products?page=2&s={session}", {"items": items}, headers=bearer),
        entry("GET", f"{SHOP}/products/{item['id']}", {"form": [{"csrf": f"c/{token}"}]}, headers=bearer),
        entry(
            *("POST", f"{SHOP}/orders"),
            {"order": {"number": str(order), "id": order}},
            body={"sku": item["id"], "name": item["name"], "qty": 1, "trace": trace, "csrf": f"c/{token}"},
            headers=bearer,
            status=201,
        ),
        entry("POST", f"{SHOP}/pay", {}, body=f"order={order}&csrf=c%2F{token}&trace={trace}", headers=bearer),
        entry("PUT", f"{SHOP}/orders/{order}", {}, body={"number": order, "text": str(order)}, headers=bearer),
    )


HAT, SOCK, SHOE = ({"id": number, "name": name} for number, name in ((7, "Hat"), (8, "Sock"), (9, "Shoe")))
TRACES = ("0b7c2d34-9f1e-4c55-8a6b-7f3f2f1d9e10", "cafe2d34-9f1e-4c55-8a6b-7f3f2f1d9e11")
FIRST = journey("abc123def456", [HAT, SHOE], chosen=1, session="s1", trace=TRACES[0], order=411)
SECOND = journey("xyz789uvw012", [HAT, SOCK, SHOE], chosen=0, session="s2", trace=TRACES[1], order=412)


def test_two_recordings_tell_what_comes_out_of_answers(imported: Import, load: Load) -> None:
    found = imported("har", FIRST, SECOND, name="shop.har")
    assert (
        found.text[found.text.index("def shop") :]
        == """def shop(u: User) -> None:
    login = u.post("/login", json={"user": "ann", "password": "${secret:PASSWORD|json}"})
    token = login.json["auth"]["token"]
    u.headers["Authorization"] = f"Bearer {token}"
    products = u.get("/products?page=2&s=s1")
    item = products.json["items"].random()
    product = u.get(f"/products/{item['id']}")
    csrf = product.json["form"][0]["csrf"]
    uuid = rand.uuid()
    orders = u.post("/orders", json={"sku": item["id"], "name": item["name"], "qty": 1, "trace": uuid, "csrf": csrf})
    number = orders.json["order"]["number"]
    u.post(
        "/pay",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        data=f"order={number}&csrf={csrf.urlquote()}&trace={uuid}",
    )
    u.put(f"/orders/{number}", json={"number": number.int(), "text": number})
"""
    )
    assert load(found)["scenarios"]
    assert left(found) == [
        "log.entries[1]: the parameter 's' differs between the recordings and is in no answer before: sent as recorded"
    ]


def test_one_recording_tells_what_a_second_would(imported: Import) -> None:
    told = left(imported("har", FIRST))
    for at, what, answer in ((1, "header 'Authorization'", 0), (3, "field 'csrf'", 2)):
        seems = f"log.entries[{at}]: the {what} seems to come out of the answer of log.entries[{answer}]"
        assert f"{seems}: a second recording would tell" in told


def test_what_only_one_recording_has_is_sent_as_recorded(imported: Import, load: Load) -> None:
    both = entry("GET", f"{SHOP}/a", {})
    found = imported("har", recording(both, entry("GET", f"{SHOP}/b/c", {})), recording(both))
    assert all_steps(load(found)) == ["GET /a", "GET /b/c"]
    assert left(found) == ["log.entries[1]: the second recording has no such request: sent as recorded"]


def test_what_stands_within_a_page_is_told(imported: Import) -> None:
    pages = [
        recording(
            entry("GET", f"{SHOP}/", f'<input name="csrf" value="{csrf}">'),
            entry("POST", f"{SHOP}/a", {}, body=f"csrf={csrf}"),
        )
        for csrf in ("first12", "second3")
    ]
    assert left(imported("har", *pages)) == [
        (
            "log.entries[1]: the field 'csrf' differs between the recordings and stands within the text of an answer, "
            "of which only all can be taken: sent as recorded"
        )
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "is no HAR: it has no log.entries. Export the recording as HAR."),
        ('{"log": {"entries": {}}}', "is no HAR"),
        ("[]", "holds no object"),
        ("<html>", "no JSON: Expecting value"),
        ('{"log": {"entries": []}}', "has no request that can be sent. Check that it is the right file."),
        ('{"log": {"entries": [1, {}, {"request": {"url": 3}}]}}', "has no request that can be sent: "),
        ("[" * 100_000, "is no JSON that we read"),
    ],
)
def test_what_is_no_recording_is_refused(text: str, told: str, imported: Import) -> None:
    with pytest.raises(SourceUnreadable) as refused:
        imported("har", text)
    assert told in str(refused.value)
    with pytest.raises(SourceUnreadable):
        imported("har", recording(entry("GET", f"{SHOP}/a", {})), text)


TEXT = st.text(st.characters(), max_size=12) | st.sampled_from(
    [
        '")\nimport os#',
        "{x}",
        "{__import__('os')}",
        "${secret:X}",
        "\ue000",
        "\ud800",
        "a=b&c=d",
        '{"a": "\\ue000"}',
        "'",
        "\\",
    ]
)
ANSWERS = st.recursive(
    TEXT | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
)
ENTRIES = st.builds(
    lambda method, path, answer, body, name, value: entry(
        method, f"{SHOP}/{path}", {"answer": answer}, body=body, headers={name: value, "Content-Type": value}
    ),
    *(TEXT | st.just("POST"), TEXT, ANSWERS, ANSWERS | st.none() | TEXT, TEXT, TEXT),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(first=st.lists(ENTRIES, min_size=1, max_size=4), second=st.lists(ENTRIES, max_size=4) | st.none())
def test_no_recording_puts_words_into_a_file_and_every_file_is_loaded(
    first: list[dict[str, Any]], second: list[dict[str, Any]] | None, imported: Import, load: Load
) -> None:
    try:
        found = imported("har", recording(*first), None if second is None else recording(*second))
    except SourceUnreadable:
        return
    assert load(found)["scenarios"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["log", "entries", "request", "url", "response", "headers", "name"]), inner)
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=JSON, entries=JSON)
def test_whatever_else_a_file_holds_is_refused_in_words(document: Any, entries: Any, imported: Import) -> None:
    for value in (document, {"log": {"entries": [entries, {"request": entries, "response": document}]}}):
        with pytest.raises(SourceUnreadable):
            imported("har", json.dumps(value))
