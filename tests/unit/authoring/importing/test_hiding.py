"""No secret of an input is in what is written of it."""

import json
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from apibench.authoring.importing.bodies import set_body
from apibench.authoring.importing.importer import finished
from apibench.authoring.importing.journey import Assign, Behaviour, Journey, Request, Step
from apibench.authoring.importing.names import Names
from apibench.authoring.importing.values import Item, Known, Member, Named, joined

SECRETS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=12, max_size=30)


def imported(*sent: Request) -> str:
    page = Request("GET", Known("/page"), answer="page")
    before: list[Step] = [page, Assign("csrf", Item(Member(Named("page"), "json"), Known("csrf")))]
    found = finished(Journey("curl", "shop.sh", [Behaviour("shop", "http://127.0.0.1", [*before, *sent])]))
    return found.text + " ".join(str(left) for left in found.left)


@given(SECRETS)
def test_what_a_header_a_field_or_a_parameter_calls_secret_is_nowhere_else_either(secret: str) -> None:
    by_name = [
        Request("GET", Known("/a"), headers=[("Authorization", Known(f"Bearer {secret}"))]),
        Request("GET", Known("/a"), headers=[("X-Api-Key", Known(secret))]),
        Request("GET", Known(f"/a?b=1&access_token={secret}&c=2")),
        Request("GET", Known("/a"), query=[("token", Known(secret))]),
        Request("POST", Known("/a"), data=Known(f"a=b&password={secret}")),
        Request("POST", Known("/a"), data=joined("csrf=", Named("csrf"), f"&password={secret}&x=y")),
    ]
    for body in ({"a": [{"password": secret}]}, {"client_secret": secret, "b": secret}):
        request = Request("POST", Known("/a"))
        set_body(request, json.dumps(body), kind="application/json")
        by_name.append(request)
    for request in by_name:
        elsewhere = Request("PUT", Known(f"/{secret}"), headers=[("X-B", Known(f"b {secret}"))], name=f"it {secret}")
        set_body(elsewhere, json.dumps({"of": f"a {secret} b", secret: 1}), kind="application/json")
        text = imported(request, elsewhere)
        assert secret not in text
        assert quote(secret) not in text
        assert "APIBENCH_SECRET_" in text


def test_names_of_python_keep_nothing_of_a_secret() -> None:
    secret = "Qz9f8e7d6c5b4a3"
    asked = Request("GET", Known("/a"), headers=[("X-Api-Key", Known(secret))], answer=Names().new(f"it {secret}"))
    kept = Assign("kept", Item(Member(Named(asked.answer), "json"), Known("id")))
    scenario = Behaviour(f"of {secret}", "http://127.0.0.1", [asked, kept, Request("GET", joined("/", Named("kept")))])
    text = finished(Journey("curl", "shop.sh", [scenario])).text
    assert secret.lower() not in text.lower()
    assert "it_hidden = u.get" in text


def test_equal_secrets_have_one_name_and_others_another() -> None:
    sent = [Request("GET", Known("/"), headers=[("X-Api-Key", Known(key))]) for key in ("first key", "second key")]
    again = Request("GET", Known("/"), headers=[("X-Api-Key", Known("first key"))])
    text = imported(*sent, again)
    assert (text.count("${secret:X_API_KEY}"), text.count("${secret:X_API_KEY_2}")) == (2, 1)


def test_a_secret_beside_late_values_is_read_when_the_scenario_is_loaded() -> None:
    request = Request("POST", Known("/"), data=joined("csrf=", Named("csrf"), "&password=geheim 1"))
    assert """f"csrf={csrf}&password={quote(environ['APIBENCH_SECRET_PASSWORD'], safe='')}""" in imported(request)


def test_how_many_tokens_is_no_secret() -> None:
    request = Request("POST", Known("/"))
    set_body(request, '{"max_tokens": 100}', kind="application/json")
    assert '{"max_tokens": 100}' in imported(request)
