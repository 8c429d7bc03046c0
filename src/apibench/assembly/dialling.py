"""How a service comes to its controllers that is not called by them: with a token, and safely."""

from collections.abc import Sequence

from apibench.assembly.controller_service import secured
from apibench.assembly.service_settings import LinkFiles
from apibench.model.errors import UsageError
from apibench.wire.security import Security, host_of


def dialling(who: str, controllers: Sequence[str], files: LinkFiles, token: str | None) -> Security:
    """
    Our end of the links to these. `who`: as it stands in messages, like `a worker`.

    Looked at before anybody is dialled: raises UsageError for a token that is missing and for an address that is none
    or that may not be reached in plain text, CertificatesUnusable.
    """
    if not token:
        raise UsageError(f"{who} needs a token", "Set APIBENCH_TOKEN to one of the role worker.")
    security = secured(files, token)
    for address in controllers:
        host_of(address)
        if not security.encrypts:
            security.check_plain_text(address)
    if security.encrypts:
        security.certificates()
    return security
