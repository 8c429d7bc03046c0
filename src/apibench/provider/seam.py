"""Who makes workers, as an agent sees it. `tests/seams/test_provider.py` holds every kind to the same behaviour."""

from collections.abc import Sequence
from typing import Protocol

from apibench.model.provision import Provision, ProvisionStatus


class WorkerProvider(Protocol):
    """Makes workers for runs, and ends them."""

    async def provide(self, wanted: Sequence[Provision]) -> tuple[ProvisionStatus, ...]:
        """
        Have the workers of these runs be there, and end all others that it has made.

        The same again changes nothing. Returns how far each is, without waiting for any: what takes time goes on
        beside. Raises nothing but what is our fault; what is wrong elsewhere is in the answer, in words.
        """
        ...

    async def close(self) -> None:
        """The agent ends. What lives without it is left; what does not is ended, politely."""
        ...
