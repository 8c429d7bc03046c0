"""One iteration, told step by step: no secret stands in it."""

import base64
from urllib.parse import quote

import pytest

from apibench.report.story import story_lines
from apibench.report.unshown import Unshown

SECRET = 'ge"heim/1'
PLAN = {"scenarios": [{"name": "shop", "steps": [], "on_start": [], "on_stop": []}]}


def shown(what: str, **more: object) -> str:
    told = {"scenario": 0, "step": "scenarios[0].steps[0]", "what": what, **more}
    taken = {"scenario": 0, "step": "scenarios[0].steps[0]", "what": "value", "name": "token", "value": "token-17"}
    return "\n".join(story_lines([taken, told], PLAN, Unshown([SECRET])))


def request(body: str, *fields: str) -> str:
    return "\r\n".join(["POST /login HTTP/1.1", *fields, "", body])


FORM = "Content-Type: application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    "text",
    [
        request(f"a {SECRET} b"),
        request('{"a": "ge\\"heim/1"}'),
        request(f"a={quote(SECRET, safe='')}", FORM),
        request(base64.b64encode(SECRET.encode()).decode()),
        request("", f"X-Mine: {SECRET}"),
        request("token-17"),
        request('{"password": "token-17x", "user": "ann"}'),
        request("password=other&user=ann", FORM),
    ],
)
def test_no_secret_stands_in_what_is_sent(text: str) -> None:
    told = shown("request", text=text)
    assert "[redacted]" in told.partition("POST")[2]
    assert not any(word in told for word in ("heim", "token-17", "=other", base64.b64encode(SECRET.encode()).decode()))


def test_fields_of_answers_and_of_rows_are_hidden_by_their_names() -> None:
    row = '{"user":"ann","pass word":"one"}'
    assert 'users = {"user":"ann","pass word":"[redacted]"}' in shown("value", name="users", value=row)
    answer = shown("response", text="HTTP/1.1 200 OK\r\n\r\n" + row, failure="", service_ns=1)
    assert '< {"user":"ann","pass word":"[redacted]"}' in answer


def test_what_is_no_secret_is_shown_as_it_is() -> None:
    body = '{"user": "ann", "n": [1, 2]}'
    assert f"> {body}" in shown("request", text=request(body))
