"""What every resource stands on, and who may ask for it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from structlog.typing import FilteringBoundLogger

from apibench.controller.access import Access, Identity
from apibench.controller.audit import Audit
from apibench.controller.bundles import Bundles
from apibench.controller.catalogue import Catalogue
from apibench.controller.operations import RunOperations
from apibench.controller.ownership import Ownership
from apibench.controller.quotas import Quotas
from apibench.model.errors import NotFound
from apibench.model.installation import Role, RunRow
from apibench.model.part import Part
from apibench.store.control import ControlStore


@dataclass(frozen=True, slots=True)
class Services:
    """The parts that the assembly has put together."""

    operations: RunOperations
    store: ControlStore
    access: Access
    audit: Audit
    catalogue: Catalogue
    bundles: Bundles
    quotas: Quotas
    ownership: Ownership | None
    """None: nothing can be proven here."""
    version: str
    log: FilteringBoundLogger
    keep_alive_s: float
    """How often a silent stream says that it is alive."""
    send_s: float
    """How long a watcher may take over one piece of a stream before it is cut off."""

    async def run(self, run_id: str) -> RunRow:
        """One run. Raises NotFound."""
        row = await self.store.run(run_id)
        if row is None:
            raise NotFound("there is no such run", "List the runs to see their ids.")
        return row


def services(request: Request) -> Services:
    """Of the application that the request came to."""
    found: Services = request.app.state.services
    return found


Parts = Annotated[Services, Depends(services)]

_BEARER = HTTPBearer(auto_error=False, scheme_name="token", description="A token of this installation: `ab_...`.")


def _authorizer(needed: Role) -> Callable[..., Awaitable[Identity]]:
    async def authorize(
        request: Request, parts: Parts, bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
    ) -> Identity:
        identity = await parts.access.authorize(bearer.credentials if bearer is not None else None, needed)
        request.scope["apibench.actor"] = identity.actor  # for the log
        return identity

    return authorize


may_view = _authorizer(Role.VIEWER)
may_run = _authorizer(Role.RUNNER)
may_administer = _authorizer(Role.ADMIN)

Runner = Annotated[Identity, Depends(may_run)]
Admin = Annotated[Identity, Depends(may_administer)]
VIEWER: Any = Depends(may_view)
ADMIN: Any = Depends(may_administer)


class NoQuery(Part):
    """Of resources that take no query parameters: each one is refused by name."""


def _no_query(_: Annotated[NoQuery, Query()]) -> None:
    return None


NO_QUERY: Any = Depends(_no_query)
