"""How a request proves who sends it: what it is signed with. The engine signs what it has written down."""

from typing import Annotated, Literal

from pydantic import Field, Strict

from apibench.model.late_text import LateHeaderValue
from apibench.model.part import Part

OWN_HEADERS = frozenset(("authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"))
"""What signing sets, in small letters."""
KEYS = ("access_key", "secret_key", "session_token")
"""What it is signed with: secrets, or late."""

LABEL_PATTERN = r"^[a-z0-9-]+$"
_Label = Annotated[str, Strict(), Field(min_length=1, max_length=100, pattern=LABEL_PATTERN)]


class AwsSigv4(Part):
    """AWS Signature Version 4, in the headers of the request."""

    type: Literal["aws_sigv4"]
    region: _Label
    """Like `us-east-1`."""
    service: _Label
    """Like `s3` or `execute-api`."""
    access_key: LateHeaderValue
    secret_key: LateHeaderValue
    session_token: LateHeaderValue | None = None
    """Of keys that hold for a while."""
