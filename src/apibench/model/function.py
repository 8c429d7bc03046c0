"""
The functions of expressions, and how many arguments each takes.

The engine has the same table (`crates/engine/src/functions.rs`), and a test holds the two together.
"""

from collections.abc import Mapping
from typing import Literal

MAX_ARGUMENTS = 1_000

Function = Literal[
    "equal",
    "not_equal",
    "less",
    "less_or_equal",
    "greater",
    "greater_or_equal",
    "and",
    "or",
    "not",
    "add",
    "subtract",
    "multiply",
    "divide",
    "remainder",
    "concat",
    "text",
    "integer",
    "number",
    "length",
    "lower",
    "upper",
    "strip",
    "slice",
    "contains",
    "starts_with",
    "ends_with",
    "replace",
    "is_null",
    "member",
    "url_encoded",
    "json_encoded",
    "base64_encoded",
    "base64url_encoded",
    "base64_decoded",
    "sha256",
    "sha512",
    "sha1",
    "md5",
    "hmac_sha256",
    "hmac_sha512",
    "hmac_sha1",
    "jwt_hs256",
    "now_seconds",
    "now_milliseconds",
    "now_iso",
    "now_date",
    "random_integer",
    "random_choice",
    "random_item",
    "random_text",
    "random_uuid",
    "random_seconds",
    "random_milliseconds",
    "random_iso",
    "random_date",
    "random_first_name",
    "random_last_name",
    "random_name",
    "random_email",
    "random_street",
    "random_city",
    "random_postcode",
    "random_country",
    "random_phone",
    "random_company",
    "counter",
    "vu_counter",
]

_NONE = (0, 0)
_PERHAPS_ONE = (0, 1)
_ONE = (1, 1)
_TWO = (2, 2)
_THREE = (3, 3)
ARITY: Mapping[str, tuple[int, int]] = {
    "equal": _TWO,
    "not_equal": _TWO,
    "less": _TWO,
    "less_or_equal": _TWO,
    "greater": _TWO,
    "greater_or_equal": _TWO,
    "and": _TWO,
    "or": _TWO,
    "not": _ONE,
    "add": _TWO,
    "subtract": _TWO,
    "multiply": _TWO,
    "divide": _TWO,
    "remainder": _TWO,
    "concat": (0, MAX_ARGUMENTS),
    "text": _ONE,
    "integer": _ONE,
    "number": _ONE,
    "length": _ONE,
    "lower": _ONE,
    "upper": _ONE,
    "strip": _ONE,
    "slice": _THREE,
    "contains": _TWO,
    "starts_with": _TWO,
    "ends_with": _TWO,
    "replace": _THREE,
    "is_null": _ONE,
    "member": _TWO,
    "url_encoded": _ONE,
    "json_encoded": _ONE,
    "base64_encoded": _ONE,
    "base64url_encoded": _ONE,
    "base64_decoded": _ONE,
    "sha256": (1, 2),
    "sha512": (1, 2),
    "sha1": (1, 2),
    "md5": (1, 2),
    "hmac_sha256": (2, 3),
    "hmac_sha512": (2, 3),
    "hmac_sha1": (2, 3),
    "jwt_hs256": _TWO,
    "now_seconds": _PERHAPS_ONE,
    "now_milliseconds": _PERHAPS_ONE,
    "now_iso": _PERHAPS_ONE,
    "now_date": _PERHAPS_ONE,
    "random_integer": _TWO,
    "random_choice": (1, MAX_ARGUMENTS),
    "random_item": _ONE,
    "random_text": _ONE,
    "random_uuid": _NONE,
    "random_seconds": _TWO,
    "random_milliseconds": _TWO,
    "random_iso": _TWO,
    "random_date": _TWO,
    "random_first_name": _NONE,
    "random_last_name": _NONE,
    "random_name": _NONE,
    "random_email": _NONE,
    "random_street": _NONE,
    "random_city": _NONE,
    "random_postcode": _NONE,
    "random_country": _NONE,
    "random_phone": _NONE,
    "random_company": _NONE,
    "counter": _ONE,
    "vu_counter": _ONE,
}
"""The least and the most."""

FORMS = ("hex", "base64", "base64url")
"""How a digest is written."""
FORM_AT: Mapping[str, int] = {
    **dict.fromkeys(("sha256", "sha512", "sha1", "md5"), 1),
    **dict.fromkeys(("hmac_sha256", "hmac_sha512", "hmac_sha1"), 2),
}
"""Which argument says it."""
KEY_AT: Mapping[str, int] = {**dict.fromkeys(("hmac_sha256", "hmac_sha512", "hmac_sha1"), 0), "jwt_hs256": 1}
"""Which argument is a key, and so no less secret than a password."""
OFFSETS = frozenset(("now_seconds", "now_milliseconds", "now_iso", "now_date"))
"""Functions that take a span of time."""
MOMENTS = frozenset(("random_seconds", "random_milliseconds", "random_iso", "random_date"))
"""Functions that take moments."""
COUNTERS = frozenset(("counter", "vu_counter"))
"""Functions that take a name, which is never late."""
MAX_COUNTER_NAME = 100
ONE_WAY = frozenset((*FORM_AT, *KEY_AT))
"""Functions from whose result nobody reads their arguments: secrets may be given to them."""
