"""
Whether targets beyond the allowed ranges are their tester's: they are asked anew for each run.

Every address to which a host's requests may go has to serve the line itself. Those addresses are then allowed to this
run's workers, and to nobody else: what a name leads to later changes nothing.
"""

import asyncio
import secrets
import socket
from collections.abc import Awaitable, Callable, Sequence

from apibench.controller.proof_file import PATIENCE_S, lines_at
from apibench.model.errors import TargetUnproven, UsageError
from apibench.model.fault import Fault, place_text
from apibench.model.host import Host
from apibench.model.plan import Plan
from apibench.model.proof import IpAddress, Way, is_allowed, is_everybodys, line_for, plain_address, range_of, way_to
from apibench.store.control import ControlStore

MAX_ADDRESSES = 32
"""Of one run, for each of them is asked."""
_KEY = "proof key"
_FAMILIES = {"any": socket.AF_UNSPEC, "4": socket.AF_INET, "6": socket.AF_INET6}


class Ownership:
    """What targets have to show, and whether they do."""

    def __init__(
        self,
        store: ControlStore,
        term: Callable[[], int],
        allowed: Sequence[str],
        *,
        provable: Callable[[IpAddress], bool] = is_everybodys,
        lines: Callable[[Way, str], Awaitable[list[str]]] = lines_at,
    ) -> None:
        """
        `allowed`: ranges within which nothing has to be proven. `provable`: of which addresses something can be.

        `term` tells the controller's own, and raises StaleTerm where it does not lead. Raises UsageError for what is no
        range.
        """
        try:
            self._allowed = [range_of(each) for each in allowed]
        except ValueError as error:
            raise UsageError(f"--allow: {error}", "Write it like 10.0.0.0/8.") from error
        self._store = store
        self._term = term
        self._provable = provable
        self._lines = lines
        self._making = asyncio.Lock()

    async def line(self, name: str) -> str:
        """What the target of that name is to serve."""
        async with self._making:
            key = await self._store.setting(_KEY)
            if not key:
                key = secrets.token_hex(32)
                await self._store.put_setting(self._term(), _KEY, key)
        return line_for(key, name)

    async def proven(self, plan: Plan) -> tuple[str, ...]:
        """
        The addresses beyond the allowed ranges that the plan's requests go to; each has shown that it is a tester's.

        Raises TargetUnproven with all that have not.
        """
        asked = {sent.host for _, sent in plan.sent()}
        # A worker denies Unix sockets, whatever is said of them.
        hosts = {name: plan.hosts[name] for name in sorted(asked) if plan.hosts[name].resolve.unix_socket is None}
        ways = {name: way_to(host) for name, host in hosts.items()}
        found = await asyncio.gather(*(_addresses(ways[name], host) for name, host in hosts.items()))
        beyond = [
            (name, address)
            for name, addresses in zip(hosts, found, strict=True)
            for address in addresses
            if not is_allowed(plain_address(address), self._allowed)
        ]
        if len(beyond) > MAX_ADDRESSES:
            message = f"{len(beyond)} addresses of targets are not allowed here"
            raise TargetUnproven([_fault("hosts", message, f"At most {MAX_ADDRESSES} can be proven for one run.")])
        told = await asyncio.gather(*(self._faults_at(ways[name], name, address) for name, address in beyond))
        faults = [fault for of_address in told for fault in of_address]
        faults += [fault for name in dict(beyond) for fault in _other_names(plan, name, ways[name])]
        if faults:
            raise TargetUnproven(faults)
        return tuple(sorted({address for _, address in beyond}))

    async def _faults_at(self, way: Way, host: str, address: str) -> list[Fault]:
        line = await self.line(way.name)
        why = await self._why_not(way, address, line)
        if not why:
            return []
        remedy = f"Have {way.url} say {line} at each address of the target, or ask an admin to allow them."
        return [_fault(_place(host), f"{address} is not allowed here, and not proven: {why}", remedy)]

    async def _why_not(self, way: Way, address: str, line: str) -> str:
        """Why an address is not proven; empty where it is."""
        if not self._provable(plain_address(address)):
            return "it is another machine for each who asks"
        try:
            lines = await self._lines(way, address)
        except OSError as error:
            return (error.strerror or str(error)).lower()
        return "" if line in lines else "its file says something else"


async def _addresses(way: Way, host: Host) -> list[str]:
    """Where the engine would go; none where the name can't be found here: then workers look, and deny."""
    if way.addresses:
        return list(way.addresses)
    try:
        async with asyncio.timeout(PATIENCE_S):
            found = await asyncio.get_running_loop().getaddrinfo(
                way.to_name, way.to_port, family=_FAMILIES[host.resolve.family], type=socket.SOCK_STREAM
            )
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _other_names(plan: Plan, name: str, way: Way) -> list[Fault]:
    """A machine that serves many names has proven one of them: a Host header may not ask it for another."""
    found: list[Fault] = []
    for scenario, request in plan.requests():
        if request.host == name:
            for header, value in (*scenario.defaults.headers, *request.headers):
                # A late one is refused with the plan.
                known = value.strip().lower() if isinstance(value, str) else None
                if header.lower() == "host" and known not in (way.name, way.authority):
                    message = f"the Host header of '{request.name}' asks for another name than the one that is proven"
                    found.append(_fault(_place(name), message, "Leave it out."))
    return found


def _place(host: str) -> str:
    return place_text(("hosts", host, "base_url"))


def _fault(place: str, message: str, remedy: str) -> Fault:
    return Fault("target.unproven", place, message, remedy)
