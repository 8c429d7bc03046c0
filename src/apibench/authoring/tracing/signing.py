"""The words of a scenario for digests, signatures, and the secrets that they are made with."""

from collections.abc import Mapping
from typing import Any, Literal

from apibench.authoring.tracing import trace
from apibench.authoring.tracing.arguments import a_word, of_words
from apibench.authoring.tracing.late import Document, Late, call, known
from apibench.authoring.tracing.user import Signature, json_text, sent_text
from apibench.model.function import FORMS
from apibench.model.secret import OPENING, is_reference

Form = Literal["hex", "base64", "base64url"]


@a_word
def secret(name: str) -> str:
    """
    A secret by its name, as text that stands in headers, bodies and keys: its value is known only where the load is
    made (`APIBENCH_SECRET_NAME`). Named with letters, digits and `_`, up to 64:

        u.get("/orders", headers={"Authorization": f"Bearer {secret('SHOP')}"})
    """
    reference = f"{OPENING}{known(name, 'secret')}}}"
    if not is_reference(reference):
        remedy = "Name it with letters, digits and _, at most 64."
        raise trace.refused("AB140", f"'{name}' is no name of a secret", remedy)
    return reference


@of_words
class Crypto:
    """Digests and signatures, made by the engine of texts that are late or known; `form` says how they are written."""

    def sha256(self, text: Any, form: Form = "hex") -> Late:
        """SHA-256 of a text."""
        return _digest("sha256", form, text)

    def sha512(self, text: Any, form: Form = "hex") -> Late:
        """SHA-512 of a text."""
        return _digest("sha512", form, text)

    def sha1(self, text: Any, form: Form = "hex") -> Late:
        """SHA-1 of a text, for APIs that are older."""
        return _digest("sha1", form, text)

    def md5(self, text: Any, form: Form = "hex") -> Late:
        """MD5 of a text, for APIs that are older still."""
        return _digest("md5", form, text)

    def hmac_sha256(self, key: Any, text: Any, form: Form = "hex") -> Late:
        """HMAC-SHA-256 of a text with a key, like `secret("SHOP_KEY")`."""
        return _digest("hmac_sha256", form, key, text)

    def hmac_sha512(self, key: Any, text: Any, form: Form = "hex") -> Late:
        """HMAC-SHA-512 of a text with a key."""
        return _digest("hmac_sha512", form, key, text)

    def hmac_sha1(self, key: Any, text: Any, form: Form = "hex") -> Late:
        """HMAC-SHA-1 of a text with a key."""
        return _digest("hmac_sha1", form, key, text)

    def jwt_hs256(self, claims: Mapping[str, Any], key: Any) -> Late:
        """A JSON Web Token, HS256: `crypto.jwt_hs256({"sub": user, "exp": now.seconds() + 60}, secret("JWT_KEY"))`."""
        if not isinstance(claims, Mapping):
            raise trace.refused("AB140", "the claims of a token are a dictionary", 'Write them like {"sub": "ann"}.')
        text = json_text(claims)
        return call("jwt_hs256", Late(lambda: text), key)


crypto = Crypto()


def _digest(function: str, form: str, *arguments: Any) -> Late:
    if form not in FORMS:
        raise trace.refused("AB140", f"no digest is written as {form!r}", f"Choose {', '.join(FORMS)}.")
    return call(function, *arguments) if form == "hex" else call(function, *arguments, form)


@a_word
def aws_sigv4(region: str, service: str, access_key: Any, secret_key: Any, session_token: Any = None) -> Signature:
    """
    AWS Signature Version 4 of each request that is sent with it. Keys are secrets or late values:

        s3 = aws_sigv4("us-east-1", "s3", secret("AWS_ACCESS_KEY"), secret("AWS_SECRET_KEY"))
        u.put("/bucket/key", data="hello", sign=s3)

    Args:
        region: like `"us-east-1"`.
        service: like `"s3"` or `"execute-api"`.
        access_key: its name, which is sent.
        secret_key: what is signed with, and never sent.
        session_token: beside keys that hold for a while.
    """
    document: Document = {"type": "aws_sigv4", "region": known(region, "region"), "service": known(service, "service")}
    document |= {"access_key": sent_text(access_key), "secret_key": sent_text(secret_key)}
    if session_token is not None:
        document["session_token"] = sent_text(session_token)
    return Signature(document)
