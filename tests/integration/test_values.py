"""What the engine makes of values, held to what Python's own library makes of the same."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.integration.recording import Received, once, sent, target

_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200)
_DIGESTS = {"sha256": hashlib.sha256, "sha512": hashlib.sha512, "sha1": hashlib.sha1, "md5": hashlib.md5}


def constant(value: Any) -> dict[str, Any]:
    return {"type": "constant", "value": value}


def call(function: str, *arguments: Any) -> dict[str, Any]:
    return {"type": "call", "function": function, "arguments": [constant(each) for each in arguments]}


def hexadecimal(data: bytes) -> str:
    return data.hex()


def base64standard(data: bytes) -> str:
    return base64.b64encode(data).decode()


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


FORMS = {"hex": hexadecimal, "base64": base64standard, "base64url": base64url}


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(_TEXTS, _TEXTS, st.sampled_from([*FORMS])), min_size=1, max_size=10))
def test_digests_and_codes_are_those_of_python(cases: list[tuple[str, str, str]]) -> None:
    values, expected = {}, {}
    for number, (key, text, form) in enumerate(cases):
        written = FORMS[form]
        for name, algorithm in _DIGESTS.items():
            values[f"{name}{number}"] = call(name, text, form)
            expected[f"{name}{number}"] = written(algorithm(text.encode()).digest())
            if name != "md5":
                values[f"hmac{name}{number}"] = call(f"hmac_{name}", key, text, form)
                code = hmac.new(key.encode(), text.encode(), algorithm)
                expected[f"hmac{name}{number}"] = written(code.digest())
        values[f"url{number}"], expected[f"url{number}"] = call("base64url_encoded", text), base64url(text.encode())
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(text.encode()).decode()
            for name, each in {"whole": encoded, "bare": encoded.rstrip("=")}.items():
                values[f"{encode.__name__}{name}{number}"] = call("base64_decoded", each)
                expected[f"{encode.__name__}{name}{number}"] = text
    assert sent(values) == expected


def test_a_token_is_one_that_its_key_proves() -> None:
    claims = json.dumps({"sub": "ann", "exp": 5})
    (token,) = sent({"token": call("jwt_hs256", claims, "key")}).values()
    signed, _, signature = token.rpartition(".")
    assert signature == base64url(hmac.new(b"key", signed.encode(), "sha256").digest())
    head, body = (json.loads(base64.urlsafe_b64decode(f"{part}==")) for part in signed.split("."))
    assert (head, body) == ({"alg": "HS256", "typ": "JWT"}, {"sub": "ann", "exp": 5})


def test_what_has_no_digest_or_is_no_base64_is_not_sent() -> None:
    missing = {
        "null": call("sha256", None),
        "form": {**call("sha256", "a"), "arguments": [constant("a"), call("lower", "HEXX")]},
        "claims": call("jwt_hs256", "[]", "key"),
        "base64": call("base64_decoded", "a!"),
        "bytes": call("base64_decoded", "/w=="),
    }
    assert sent({**missing, "there": call("sha1", "")}) == {"there": _DIGESTS["sha1"](b"").hexdigest()}


def test_the_time_of_day_is_that_of_the_machine() -> None:
    before = datetime.now(UTC)
    values = sent({"s": call("now_seconds"), "ms": call("now_milliseconds"), "iso": call("now_iso")})
    after = datetime.now(UTC)
    assert int(before.timestamp()) <= int(values["s"]) <= after.timestamp()
    assert int(before.timestamp() * 1_000) <= int(values["ms"]) <= after.timestamp() * 1_000
    told = datetime.fromisoformat(values["iso"])
    assert before.replace(microsecond=before.microsecond // 1_000 * 1_000) <= told <= after


def test_a_secret_is_a_key_and_never_in_what_is_sent() -> None:
    with target() as told:
        step = {"type": "request", "path": "/x", "headers": {"X-Proof": "${hmac_sha256('${secret:KEY}', 'text')}"}}
        once(told.address, [step], {"KEY": "hunter2"}.get)
    (request,) = told.received
    assert request.headers["X-Proof"] == hmac.new(b"hunter2", b"text", "sha256").hexdigest()


def signature_of(request: Received, service: str, secret_key: str) -> str:
    """The `Authorization` header as the specification makes it, of what was received."""
    split = urlsplit(request.path)
    decoded = (unquote(each) if service == "s3" else each for each in split.path.split("/"))
    path = "/".join(quote(each, safe="-._~") for each in decoded)
    pairs = sorted(
        (quote(name, safe="-._~"), quote(value, safe="-._~"))
        for name, value in parse_qsl(split.query.replace("+", "%2B"), keep_blank_values=True)
    )
    own = {name.lower(): " ".join(value.split()) for name, value in request.headers.items()}
    kept = {name: own[name] for name in sorted(own) if name in ("host", "content-type") or name.startswith("x-amz-")}
    signed, body_hash = ";".join(kept), hashlib.sha256(request.body).hexdigest()
    headers = "".join(f"{name}:{value}\n" for name, value in kept.items())
    query = "&".join(f"{name}={value}" for name, value in pairs)
    canonical = f"{request.method}\n{path}\n{query}\n{headers}\n{signed}\n{body_hash}"
    at = own["x-amz-date"]
    scope = f"{at[:8]}/eu-west-1/{service}/aws4_request"
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    text = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    return f"AWS4-HMAC-SHA256 Credential=AKID/{scope}, SignedHeaders={signed}, Signature={signature}"


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["GET", "POST", "PUT"]), _TEXTS, _TEXTS, _TEXTS, st.sampled_from(["s3", "es"])),
        min_size=1,
        max_size=10,
    )
)
def test_what_is_signed_is_what_was_received(cases: list[tuple[str, str, str, str, str]]) -> None:
    steps: list[dict[str, Any]] = []
    for method, name, value, body, service in cases:
        keys = {"access_key": "AKID", "secret_key": "${secret:KEY}"}
        path = call("concat", "/items/")
        path["arguments"] += [call("url_encoded", f"a{name}b"), constant("?z=1&a="), call("url_encoded", value)]
        steps.append(
            {
                "type": "request",
                "method": method,
                "path": path,
                "name": "x",
                "headers": [["Content-Type", "text/plain;   charset=utf-8"]],
                "body": {"text": call("text", body)},
                "sign": {"type": "aws_sigv4", "region": "eu-west-1", "service": service, **keys},
            }
        )
    with target() as told:
        once(told.address, steps, {"KEY": "hunter2"}.get)
    assert len(told.received) == len(cases)
    for (_, _, _, body, service), request in zip(cases, told.received, strict=True):
        assert request.body.decode() == body
        assert request.headers["Authorization"] == signature_of(request, service, "hunter2")
        assert ("X-Amz-Content-Sha256" in request.headers) == (service == "s3")


def test_keys_of_a_signature_may_be_of_an_answer_and_those_that_are_not_there_sign_nothing() -> None:
    keys = {"access_key": "${keys.id}", "secret_key": "${keys.key}", "session_token": "${keys.token}"}
    sign = {"type": "aws_sigv4", "region": "eu-west-1", "service": "es", **keys}
    with target() as told:
        told.answers["/keys"] = ({}, b'{"id": "AKID", "key": "k", "token": "t"}')
        steps: list[dict[str, Any]] = []
        for path in ("/keys", "/none"):
            steps += [{"type": "request", "path": path}, {"type": "extract", "of": "$", "to": "keys"}]
            steps += [{"type": "request", "path": "/signed", "sign": sign}]
        once(told.address, steps)
    assert [each.path for each in told.received] == ["/keys", "/signed", "/none"]
    signed = told.received[1]
    assert signed.headers["X-Amz-Security-Token"] == "t"
    assert signed.headers["Authorization"] == signature_of(signed, "es", "k")
