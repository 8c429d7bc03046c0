"""Collections of Postman become journeys: variables filled in, values kept by scripts, kinds of values as they were."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.authoring.importing.conftest import Import, Load
from tests.unit.authoring.importing.plans import all_steps

from apibench.model.errors import SourceUnreadable

URL = "http://127.0.0.1/a"


def item(url: Any = URL, script: list[str] | None = None, *, name: str = "it", before: Any = None, **asked: Any) -> Any:
    events = [] if script is None else [{"listen": "test", "script": {"exec": script}}]
    if before is not None:
        events.append({"listen": "prerequest", "script": {"exec": before}})
    return {"name": name, "event": events, "request": {"method": "GET", "url": url, **asked}}


def collection(*items: Any, **more: Any) -> str:
    return json.dumps({"info": {"name": "Shop"}, "item": items, **more})


def variable(**known: str) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in known.items()]


def raw(text: str, language: str = "json") -> dict[str, Any]:
    return {"mode": "raw", "raw": text, "options": {"raw": {"language": language}}}


JSON = "[Content-Type: application/json]"
FORM = "[Content-Type: application/x-www-form-urlencoded]"
REQUESTS = [
    (item(), "GET /a"),
    (item("{{base}}/a?q={{q}}"), "GET /v1/a?q=a%20b"),
    (item({"raw": "{{base}}/:id/b?x=%20y", "variable": variable(id="7")}), "GET /v1/7/b?x=%20y"),
    (
        item({"protocol": "http", "host": ["127", "0", "0", "1"], "path": ["a", "b"], "query": variable(c="d")}),
        "GET /a/b?c=d",
    ),
    (item("127.0.0.1/a#b"), "GET /a"),
    (item(header=[{"key": "X", "value": "{{q}}"}, {"key": "Y", "value": "z", "disabled": True}]), "GET /a [X: a b]"),
    (
        item(method="POST", body=raw('{"n": {{n}}, "t": "{{n}}", "f": 1.0}')),
        f'POST /a {JSON} {{"n": 17, "t": "17", "f": 1.0}}',
    ),
    (
        item(method="POST", body=raw('{"o": {{o}}, "q": "a {{q}}"}')),
        f'POST /a {JSON} {{"o": {{"x": [1]}}, "q": "a a b"}}',
    ),
    (item(method="POST", body=raw("a {{q}}", "text")), "POST /a [Content-Type: text/plain] a a b"),
    (item(method="POST", body=raw("<a/>", "xml")), "POST /a [Content-Type: application/xml] <a/>"),
    (
        item(method="PUT", body={"mode": "urlencoded", "urlencoded": variable(a="b c", q="{{q}}&")}),
        f"PUT /a {FORM} a=b%20c&q=a%20b%26",
    ),
    (
        item(method="POST", body={"mode": "graphql", "graphql": {"query": "{ a }", "variables": '{"n": {{n}}}'}}),
        f'POST /a {JSON} {{"query": "{{ a }}", "variables": {{"n": 17}}}}',
    ),
    (
        item(auth={"type": "bearer", "bearer": variable(token="abcdefgh")}),
        "GET /a [Authorization: Bearer ${secret:TOKEN}]",
    ),
    (
        item(auth={"type": "bearer", "bearer": variable(token="{{mine}}")}),
        "GET /a [Authorization: Bearer ${secret:MINE}]",
    ),
    (
        item(auth={"type": "bearer", "bearer": variable(token="{{token}}")}),
        "GET /a [Authorization: Bearer ${secret:TOKEN}]",
    ),
    (
        item(auth={"type": "basic", "basic": variable(username="ann", password="geheim")}),
        "GET /a [Authorization: Basic ${secret:PASSWORD|basic:ann}]",
    ),
    (
        item(auth={"type": "basic", "basic": variable(username="ann", password="{{pw}}")}),
        "GET /a [Authorization: Basic ${secret:PW|basic:ann}]",
    ),
    (
        item(auth={"type": "apikey", "apikey": variable(key="X-Key", value="abcdefgh")}),
        "GET /a [X-Key: ${secret:X_KEY}]",
    ),
]
VARIABLES = variable(
    base="http://{{host}}/v1", host="127.0.0.1", q="a b", n="17", o='{"x": [1]}', token="of the collection"
)


@pytest.mark.parametrize(("asked", "told"), REQUESTS)
def test_a_request_becomes_what_postman_would_send(asked: Any, told: str, imported: Import, load: Load) -> None:
    found = imported("postman", collection(asked, variable=VARIABLES))
    assert all_steps(load(found)) == [told]
    assert found.left == ()
    assert "of the collection" not in found.text


def test_folders_are_comments_and_hand_down_their_authentication(imported: Import, load: Load) -> None:
    bearer = {"type": "bearer", "bearer": variable(token="abcdefgh")}
    folder = {"name": "Orders", "auth": bearer, "item": [item(), item(f"{URL}/b", auth={"type": "noauth"})]}
    found = imported("postman", collection(folder, item(f"{URL}/c")))
    assert all_steps(load(found)) == ["GET /a [Authorization: Bearer ${secret:TOKEN}]", "GET /a/b", "GET /a/c"]
    assert "    # Orders\n" in found.text


def test_an_environment_has_the_last_word(imported: Import, load: Load) -> None:
    environment = json.dumps({"values": variable(base="http://[::1]:81")})
    plan = load(imported("postman", collection(item("{{base}}/a"), variable=VARIABLES), environment))
    assert [host["base_url"] for host in plan["hosts"].values()] == ["http://[::1]:81"]


@pytest.mark.parametrize(
    ("dynamic", "function"),
    [
        ("$guid", "random_uuid()"),
        ("$randomUUID", "random_uuid()"),
        ("$randomInt", "random_integer(0, 1000)"),
        ("$randomAlphaNumeric", "random_text(1)"),
    ],
)
def test_what_is_made_anew_is_drawn(dynamic: str, function: str, imported: Import, load: Load) -> None:
    body = raw(f'{{"a": "{{{{{dynamic}}}}}"}}')
    drawn, request = all_steps(
        load(imported("postman", collection(item(f"{URL}/{{{{{dynamic}}}}}", method="POST", body=body))))
    )[::2]
    assert drawn.endswith(f"= {function}")
    assert request.startswith("POST /a/{")


def test_a_script_keeps_values_for_later_requests(imported: Import, load: Load) -> None:
    script = [
        "// comes first",
        "pm.test('is there', function () {",
        "    pm.response.to.have.status(201);",
        "});",
        "const data = pm.response.json();",
        'pm.environment.set("token", data.auth.token);',
        "pm.collectionVariables.set('number', pm.response.json().orders[0]['id']);",
        "pm.globals.set('etag', pm.response.headers.get('ETag'));",
        'pm.test("is open", () => { pm.expect(data.state).to.eql("open"); });',
        "pm.sendRequest('http://x');",
    ]
    later = item(
        f"{URL}/{{{{number}}}}",
        method="PUT",
        auth={"type": "bearer", "bearer": variable(token="{{token}}")},
        header=variable(**{"If-Match": "{{etag}}"}),
        body=raw('{"n": {{number}}, "t": "{{number}}"}'),
    )
    found = imported("postman", collection(item(script=script, name="Log in"), later))
    assert (
        found.text[found.text.index("def ") :]
        == """def shop(u: User) -> None:
    log_in = u.get("/a", expect=status(201))
    token = log_in.json["auth"]["token"]
    number = log_in.json["orders"][0]["id"]
    etag = log_in.headers["ETag"]
    check(log_in.json["state"] == "open", "is open")
    u.put(
        f"/a/{number.urlquote()}",
        headers={"If-Match": etag, "Authorization": f"Bearer {token}"},
        json={"n": number, "t": f"{number}"},
    )
"""
    )
    assert load(found)["scenarios"]
    assert [str(each) for each in found.left] == ["Log in: of its test script line 10 were left out"]


LEFT = [
    (item(f"{URL}/{{{{id}}}}"), "it: the variable 'id' has no value here: it is read from APIBENCH_VARIABLE_ID"),
    (item("{{base}}/a"), "the host 'base' has no value here: http://localhost:8080 stands for it"),
    (item("https://{{base}}/a"), "the host 'base' has no value here: http://localhost:8080 stands for it"),
    (item("ftp://127.0.0.1/a"), "it: a request was left out: its address is none of HTTP"),
    (item(auth={"type": "hawk", "hawk": []}), "it: authentication of the kind 'hawk' was left out"),
    (
        item(method="POST", body={"mode": "file", "file": {"src": "/etc/passwd"}}),
        "it: its body was left out: it is a file",
    ),
    (
        item(method="POST", body={"mode": "formdata", "formdata": [{"key": "f", "type": "file", "src": "x"}]}),
        "it: a field of its form is a file, and was left out",
    ),
    (item(f"{URL}?t={{{{$timestamp}}}}"), "it: there is no word for '$timestamp': a moment of the past stands for it"),
    (item(f"{URL}?t={{{{$randomColor}}}}"), "it: there is no word for '$randomColor': random letters stand for it"),
    (item(before=["x = 1"]), "it: its script before the request was left out"),
    (
        item(before=["pm.environment.set('a', pm.iterationData.get('a'));"]),
        "it: its script takes values of a file of data: csv(…).next() and jsonl(…).next() are its rows",
    ),
]


@pytest.mark.parametrize(("asked", "told"), LEFT)
def test_what_is_not_converted_is_told_with_its_place(asked: Any, told: str, imported: Import, load: Load) -> None:
    found = imported("postman", collection(asked, item()))
    assert told in [str(each) for each in found.left]
    assert load(found)["scenarios"]


def test_what_a_script_sets_before_a_request_is_in_it(imported: Import, load: Load) -> None:
    found = imported("postman", collection(item(f"{URL}/{{{{id}}}}", before=["pm.variables.set('id', 'seven');"])))
    assert all_steps(load(found)) == ["GET /a/seven"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "is no collection of Postman: it has no items. Export it as version 2.1."),
        ('{"item": []}', "has no request that can be sent"),
        ('{"item": [1, {"request": 3}, {"item": [[]]}]}', "has no request that can be sent"),
        (collection(item()), "is no environment of Postman: it has no values"),
    ],
)
def test_what_is_no_collection_is_refused(text: str, told: str, imported: Import) -> None:
    with pytest.raises(SourceUnreadable) as refused:
        imported("postman", text, None if "no environment" not in told else "{}")
    assert told in str(refused.value)


TEXT = st.text(st.characters(), max_size=10) | st.sampled_from(
    [
        '")\nimport os#',
        "{{x}}",
        "{{$guid}}",
        "{{__import__('os')}}",
        "${secret:X}",
        "\ue000",
        "\ue004\ue0020\ue003",
        "\ud800",
    ]
)
SCRIPT = st.lists(
    TEXT | TEXT.map(lambda text: f'pm.environment.set("{text}", pm.response.json()["{text}"]);'), max_size=3
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(texts=st.lists(TEXT, min_size=12, max_size=12), script=SCRIPT)
def test_no_collection_puts_words_into_a_file_and_every_file_is_loaded(
    texts: list[str], script: list[str], imported: Import, load: Load
) -> None:
    url, name, key, value, body, token, known, field, method, kind, folder, second = texts
    asked = item(
        f"{URL}/{url}",
        script,
        name=name,
        method=method,
        header=variable(**{key: value}),
        body=raw(body, kind),
        before=script,
    )
    other = item(f"http://{url}/", body={"mode": "urlencoded", "urlencoded": variable(**{field: second})})
    third = item(auth={"type": "bearer", "bearer": variable(token=token)}, body=raw(json.dumps({key: body})))
    text = collection(
        asked, {"name": folder, "item": [other, third]}, variable=[*variable(x=known), *variable(**{known: value})]
    )
    try:
        found = imported("postman", text)
    except SourceUnreadable:
        return
    assert load(found)["scenarios"]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["item", "request", "url", "raw", "body", "mode", "auth", "type", "event", "script", "exec", "header"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=ANYTHING, request=ANYTHING)
def test_whatever_else_a_file_holds_is_read_or_refused_in_words(document: Any, request: Any, imported: Import) -> None:
    for value in (document, {"item": [document, {"request": request, "event": document}], "variable": request}):
        try:
            imported("postman", json.dumps(value))
        except SourceUnreadable:
            continue
