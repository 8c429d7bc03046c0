"""Which targets are proven, held to a world of addresses that serve lines or do not."""

from typing import Any

import pytest

from apibench.controller.ownership import MAX_ADDRESSES, Ownership
from apibench.model.errors import TargetUnproven, UsageError
from apibench.model.plan import Plan
from apibench.model.proof import Way
from apibench.model.validation import parse_plan
from apibench.store.memory_control import MemoryControlStore

pytestmark = pytest.mark.asyncio
ALLOWED = ("10.0.0.0/8", "127.0.0.0/8")


class World:
    """Files at addresses."""

    def __init__(self) -> None:
        self.files: dict[str, list[str]] = {}
        self.asked: list[tuple[str, str]] = []

    async def lines(self, way: Way, address: str) -> list[str]:
        self.asked.append((way.authority, address))
        if address not in self.files:
            message = "status 404"
            raise OSError(message)
        return self.files[address]


async def an_ownership(world: World, allowed: tuple[str, ...] = ALLOWED) -> Ownership:
    store = MemoryControlStore()
    term = (await store.lead("test", 0.0, 1e9)).term
    return Ownership(store, lambda: term, allowed, lines=world.lines)


def plan_to(*targets: tuple[str, list[str]], headers: dict[str, Any] | None = None) -> Plan:
    """A request to each name, which has these addresses."""
    resolve = [
        {"addresses": [{"host": name, "port": 80, "address": each} for each in addresses]}
        for name, addresses in targets
    ]
    steps = [
        {"type": "request", "host": name, "headers": [[*pair] for pair in (headers or {}).items()]}
        for name, _ in targets
    ]
    hosts = {
        name: {"base_url": f"http://{name}", "resolve": each} for (name, _), each in zip(targets, resolve, strict=True)
    }
    load = {"model": "closed", "ends": {"iterations": 1}}
    return parse_plan(
        {
            "version": 1,
            "hosts": {**hosts, "idle": {"base_url": "http://8.8.4.4"}},
            "scenarios": [{"name": "main", "steps": steps, "load": load}],
        }
    )


async def refused(ownership: Ownership, plan: Plan) -> list[tuple[str, str]]:
    with pytest.raises(TargetUnproven) as found:
        await ownership.proven(plan)
    return [(fault.place, fault.message.rpartition(": ")[2]) for fault in found.value.faults]


async def test_what_is_allowed_needs_no_proof_and_is_not_asked() -> None:
    world = World()
    ownership = await an_ownership(world)
    assert await ownership.proven(plan_to(("shop.example", ["10.0.0.5"]), ("own.example", ["127.0.0.1"]))) == ()
    assert await (await an_ownership(world, ())).proven(plan_to(("shop.example", ["8.8.8.8"]))) == ()
    assert world.asked == []


async def test_every_address_beyond_has_to_serve_the_line_of_its_name() -> None:
    world = World()
    ownership = await an_ownership(world)
    line = await ownership.line("shop.example")
    world.files = {"8.8.8.8": ["# ours", line], "1.1.1.1": [await ownership.line("other.example")]}
    plan = plan_to(("shop.example", ["10.0.0.5", "8.8.8.8", "1.1.1.1", "9.9.9.9"]))
    assert await refused(ownership, plan) == [
        ('hosts["shop.example"].base_url', "its file says something else"),
        ('hosts["shop.example"].base_url', "status 404"),
    ]
    world.files |= {"1.1.1.1": [line], "9.9.9.9": [line]}
    assert await ownership.proven(plan) == ("1.1.1.1", "8.8.8.8", "9.9.9.9")
    del world.files["9.9.9.9"]
    assert len(await refused(ownership, plan)) == 1, "what was proven once is asked again"


async def test_all_that_is_not_proven_is_told_with_the_line_that_would_do() -> None:
    ownership = await an_ownership(World())
    with pytest.raises(TargetUnproven) as found:
        await ownership.proven(plan_to(("a.example", ["8.8.8.8"]), ("b.example", ["9.9.9.9"])))
    for fault, name in zip(found.value.faults, ("a.example", "b.example"), strict=True):
        assert f"http://{name}/.well-known/apibench.txt say {await ownership.line(name)}" in fault.remedy


@pytest.mark.parametrize("address", ["169.254.169.254", "192.168.0.1", "::1", "fd00:ec2::254", "64:ff9b::a9fe:a9fe"])
async def test_metadata_and_networks_of_one_s_own_can_t_be_proven_and_are_never_asked(address: str) -> None:
    world = World()
    ownership = await an_ownership(world)
    world.files = {address: [await ownership.line("shop.example")]}
    assert len(await refused(ownership, plan_to(("shop.example", [address])))) == 1
    assert world.asked == []


async def test_a_machine_of_many_names_is_not_asked_for_another() -> None:
    world = World()
    ownership = await an_ownership(world)
    world.files = {"8.8.8.8": [await ownership.line("shop.example")]}
    for name, fits in (("victim.example", False), ("shop.example", True), ("SHOP.example:80", False)):
        plan = plan_to(("shop.example", ["8.8.8.8"]), headers={"Host": name})
        if fits:
            assert await ownership.proven(plan) == ("8.8.8.8",)
        else:
            assert len(await refused(ownership, plan)) == 1
    # Of what is allowed anyway nothing is asked, whatever its Host header says.
    assert await ownership.proven(plan_to(("own.example", ["10.0.0.5"]), headers={"Host": "victim.example"})) == ()


async def test_too_many_addresses_are_refused_unasked() -> None:
    world = World()
    many = [f"8.8.8.{number}" for number in range(MAX_ADDRESSES + 1)]
    assert len(await refused(await an_ownership(world), plan_to(("shop.example", many)))) == 1
    assert world.asked == []


async def test_the_line_outlives_a_controller_and_is_another_for_each_installation() -> None:
    store = MemoryControlStore()
    first = (await store.lead("one", 0.0, 1.0)).term
    line = await Ownership(store, lambda: first, ALLOWED).line("shop.example")
    second = (await store.lead("two", 9.0, 1.0)).term
    assert await Ownership(store, lambda: second, ALLOWED).line("shop.example") == line
    assert await (await an_ownership(World())).line("shop.example") != line


async def test_what_is_no_range_is_refused_at_the_start() -> None:
    with pytest.raises(UsageError, match="--allow"):
        await an_ownership(World(), ("10.0.0.0/33",))
