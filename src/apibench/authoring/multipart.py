"""
A multipart form (RFC 7578) from words as curl's users write them.

The boundary is made from the content, so the same form is the same bytes in every run and no part can hold it.
"""

import hashlib
import mimetypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from apibench.model.errors import UsageError


@dataclass(frozen=True, slots=True)
class Form:
    """A body, and the Content-Type that names its boundary."""

    content: bytes
    content_type: str


def multipart_body(fields: Sequence[str], read_file: Callable[[Path], bytes]) -> Form:
    """
    `NAME=VALUE` is text, `NAME=@FILE` a file with its name and type, `NAME=<FILE` a file's content as text.

    A file's type is told by its ending; `NAME=@FILE;type=image/png` says it.
    Raises UsageError for a field that is none of these, and what `read_file` raises.
    """
    parts = [_part(field, read_file) for field in fields]
    boundary = "apibench-" + hashlib.sha256(b"\0".join(parts)).hexdigest()[:32]
    lines = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), part) for part in parts)
    return Form(lines + b"--%s--\r\n" % boundary.encode(), f"multipart/form-data; boundary={boundary}")


def _part(field: str, read_file: Callable[[Path], bytes]) -> bytes:
    name, found, value = field.partition("=")
    if not found or not name:
        raise UsageError(f"'{field}' is no field of a form", "Write NAME=VALUE, or NAME=@FILE.")
    head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if value.startswith("<"):
        return head.encode() + b"\r\n\r\n" + read_file(Path(value[1:]))
    if not value.startswith("@"):
        return head.encode() + b"\r\n\r\n" + value.encode()
    file, _, kind = value[1:].partition(";type=")
    path = Path(file)
    kind = kind or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    head += f'; filename="{_quoted(path.name)}"\r\nContent-Type: {kind}'
    return head.encode() + b"\r\n\r\n" + read_file(path)


def _quoted(text: str) -> str:
    """As browsers do it: the three characters that would end the name are percent-encoded."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
