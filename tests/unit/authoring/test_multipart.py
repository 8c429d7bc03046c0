"""A multipart form is what a reader of its own makes the fields of again."""

from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from apibench.authoring.multipart import Form, multipart_body
from apibench.model.errors import UsageError


def parts(form: Form) -> list[tuple[str, str | None, str, bytes]]:
    """Name, file name, type and content of each part, as Python's own reader of MIME finds them."""
    head = f"Content-Type: {form.content_type}\r\n\r\n".encode()
    message: Any = message_from_bytes(head + form.content)
    found = []
    for part in message.get_payload():
        name = part.get_param("name", header="content-disposition")
        found.append((name, part.get_filename(), part.get_content_type(), part.get_payload(decode=True)))
    return found


def read(path: Path) -> bytes:
    return {"cat.png": b"\x89PNG\r\n\x1a\n--", "note": b"line"}[path.name]


def test_values_files_and_contents_are_found_again() -> None:
    form = multipart_body(["name=Tom & Co=1", "photo=@pets/cat.png", "doc=@note;type=text/x-note", "text=<note"], read)
    assert parts(form) == [
        ("name", None, "text/plain", b"Tom & Co=1"),
        ("photo", "cat.png", "image/png", b"\x89PNG\r\n\x1a\n--"),
        ("doc", "note", "text/x-note", b"line"),
        ("text", None, "text/plain", b"line"),
    ]


def test_the_same_form_is_the_same_bytes_and_another_has_another_boundary() -> None:
    one, again, other = (multipart_body([field], read) for field in ("a=1", "a=1", "a=2"))
    assert one == again
    assert one.content_type != other.content_type


def test_a_name_can_not_end_its_own_header() -> None:
    assert b'name="a%22%0D%0AX: y"' in multipart_body(['a"\r\nX: y=1'], read).content


def test_a_field_without_a_name_is_refused() -> None:
    with pytest.raises(UsageError, match="NAME=VALUE"):
        multipart_body(["=1"], read)
