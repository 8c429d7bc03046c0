"""What users in Python send: nothing given breaks out of its place, and what can't be sent is refused by name."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apibench.authoring.python_user.outgoing import texts_of
from apibench.authoring.tracing.user import status


@pytest.mark.parametrize(
    ("path", "words", "kind", "message"),
    [
        ("/a", {"headers": {"X": "a\r\nY: b"}}, ValueError, "the value of the header X holds CR, LF, NUL"),
        ("/a", {"headers": {"X y": "a"}}, ValueError, "the header 'X y' is not sent"),
        ("/a", {"headers": {"Content-Length": "5"}}, ValueError, "`Content-Length` can't be set"),
        ("/a", {"headers": {"X": None}}, TypeError, "the header X is text, and not None"),
        ("/a", {"headers": {"X": True}}, TypeError, "the header X is text, and not True"),
        ("/a", {"headers": {"X": "a" * 70_000}}, ValueError, "the headers have 70,005 bytes, and 65,536 are the most"),
        ("/\n", {}, ValueError, "'/\\n' is no path"),
        ("/é", {}, ValueError, "'/é' is no path"),
        ("/a b", {}, ValueError, "'/a b' is no path"),
        ("/a#b", {}, ValueError, "'/a#b' is no path"),
        ("a", {}, ValueError, "'a' is no path"),
        ("", {}, ValueError, "'' is no path"),
        ("/" + "a" * 20_000, {}, ValueError, "is no path"),
        ("/a", {"json": 1, "data": "x"}, TypeError, "a body of JSON or of data, and not both"),
        ("/a", {"json": {1, 2}}, TypeError, "not JSON serializable"),
        ("/a", {"json": float("nan")}, ValueError, "not JSON compliant"),
        ("/a", {"data": "x" * (9 << 20)}, ValueError, "the body has 9,437,184 bytes, and 8,388,608 are the most"),
        ("/a", {"expect": 200}, TypeError, "expect=200 is no expectation. Write expect=status(200)"),
        ("/a", {"jsn": {}}, TypeError, "jsn"),
    ],
)
def test_what_cannot_be_sent_is_refused(path: str, words: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as raised:
        texts_of(path, {}, **words)
    assert message in str(raised.value)


@given(
    st.dictionaries(st.sampled_from(["X-A", "x-a", "X-B", "content-type"]), st.text("ab\r\n\0é\x7f:", max_size=5)),
    st.dictionaries(st.sampled_from(["X-A", "x-b", "Content-Type"]), st.text("ab\r\n é", max_size=5)),
    st.booleans(),
)
def test_headers_are_lines_of_their_own_and_those_of_the_request_come_before_those_of_the_user(
    lasting: dict[str, str],
    own: dict[str, str],
    has_json: bool,  # noqa: FBT001 - drawn
) -> None:
    try:
        (_, _, lines, _), _ = texts_of("/", lasting, headers=own, json={} if has_json else None)
    except ValueError:
        assert any(set(value) & set("\r\n\0\x7f") for value in (*lasting.values(), *own.values()))
        return
    sent = [line.partition(": ") for line in lines.decode().split("\r\n")[:-1]]
    of_own = {name.lower() for name in own}
    expected = [(name, value) for name, value in lasting.items() if name.lower() not in of_own] + list(own.items())
    if has_json and "content-type" not in {name.lower() for name, _ in expected}:
        expected.append(("Content-Type", "application/json"))
    assert [(name, value) for name, _, value in sent] == expected


def test_what_is_expected_and_the_query_are_written_as_messages_have_them() -> None:
    texts, has_body = texts_of("/a?b=1", {}, params={"c": "x&é", "d": 2}, expect=status(404, "500-502"))
    assert texts == (b"\x94\x01\x94\x01\xf4\x01\xf6\x01", b"/a?b=1&c=x%26%C3%A9&d=2", b"", b"")
    assert not has_body
    assert texts_of("/", {}, data=b"") == ((b"", b"/", b"", b""), True)
