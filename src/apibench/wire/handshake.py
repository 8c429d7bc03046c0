"""What it means that two ends did not come to terms about certificates, in words that say where to mend it."""

_ANOTHER_CA = "Give both ends certificates that the CA of the other has signed."
_MEANINGS = (
    (
        "Hostname Verification Check failed",
        "its certificate is of another name",
        "Dial it by a name that is in its certificate, or make one for this name: apibench certs --host NAME --renew.",
    ),
    ("certificate has expired", "its certificate has expired", "There: apibench certs --renew, and start it again."),
    ("certificate is not yet valid", "its certificate does not hold yet", "Are the clocks of both machines right?"),
    ("unable to get local issuer", "its certificate is of another CA", _ANOTHER_CA),
    ("self signed certificate", "its certificate is of another CA", _ANOTHER_CA),
    ("self-signed certificate", "its certificate is of another CA", _ANOTHER_CA),
    ("WRONG_VERSION_NUMBER", "it speaks plain text", "Give CA, certificate and key at both ends, or at none."),
    (
        "Socket closed",
        "it ended the connection before anything was said",
        "If it asks for certificates: give CA, certificate and key here too, of the CA that it trusts.",
    ),
)
"""What gRPC says of a connection that never came to be, what is the matter, and a remedy."""


def disagreement(words: str) -> tuple[str, str] | None:
    """What is the matter, and a remedy; None where it was nothing of that kind."""
    if "failed to connect" not in words:
        return None
    return next(((matter, remedy) for said, matter, remedy in _MEANINGS if said in words), None)
