"""Tokens: known by their hashes alone, for as long as they are good, at the price of few questions to the store."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

import pytest

from apibench.controller import access as access_module
from apibench.controller.access import CACHE_S, STALE_S, Access, allows
from apibench.model.errors import Conflict, NotAllowed, NotFound, StoreFailed, TokenRefused, UsageError
from apibench.model.installation import Role, TokenRow
from apibench.store.memory_control import MemoryControlStore

CHOSEN = "correct horse battery"


class Store(MemoryControlStore):
    """Counts the questions, and is away where a test wants it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.away = False

    async def tokens(self) -> list[TokenRow]:
        self.asked += 1
        if self.away:
            raise StoreFailed("away", "Wait.")
        found = await super().tokens()
        await asyncio.sleep(0)
        return found


class Clock:
    """Both clocks, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def wall(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.now_s)

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def access(store: Store, clock: Clock) -> Access:
    return Access(store, now=clock.wall, monotonic_s=clock.monotonic)


@pytest.mark.parametrize(("role", "needed"), list(itertools.product(Role, Role)))
def test_a_role_may_do_what_its_name_says(role: Role, needed: Role) -> None:
    may = {
        Role.VIEWER: {Role.VIEWER},
        Role.RUNNER: {Role.VIEWER, Role.RUNNER},
        Role.ADMIN: set(Role),
        Role.WORKER: {Role.WORKER},
    }
    assert allows(role, needed) == (needed in may[role])


@pytest.mark.asyncio
async def test_a_token_says_who_asks_and_only_its_hash_is_kept(access: Access, store: Store) -> None:
    row, token = await access.make(Role.RUNNER, "ci")
    identity = await access.authorize(token, Role.VIEWER)
    assert (identity.actor, identity.role) == (f"ci ({row.token_id})", Role.RUNNER)
    prefix, token_id, secret = token.split("_")
    assert (prefix, token_id, len(secret)) == ("ab", row.token_id, 64)
    assert secret not in repr(await store.tokens())
    with pytest.raises(NotAllowed, match="It needs the role admin"):
        await access.authorize(token, Role.ADMIN)


@pytest.mark.asyncio
async def test_the_secret_of_one_token_is_none_of_another(access: Access) -> None:
    first, second = [(await access.make(Role.ADMIN, "x"))[1].split("_") for _ in range(2)]
    for token in (
        f"ab_{first[1]}_{second[2]}",
        f"ab_{first[1]}_{first[2][:-1]}",
        f"ab_ffffffffffff_{first[2]}",
        "",
        None,
    ):
        with pytest.raises(TokenRefused):
            await access.authorize(token, Role.VIEWER)


@pytest.mark.asyncio
async def test_a_token_is_good_until_it_expires(access: Access, clock: Clock) -> None:
    _, token = await access.make(Role.VIEWER, "guest", clock.wall() + timedelta(seconds=60))
    clock.now_s += 59
    await access.authorize(token, Role.VIEWER)
    clock.now_s += 1
    with pytest.raises(TokenRefused, match="expired"):
        await access.authorize(token, Role.VIEWER)
    with pytest.raises(UsageError):
        await access.make(Role.VIEWER, "late", clock.wall())


@pytest.mark.asyncio
async def test_a_revoked_token_is_refused_at_once_here_and_soon_elsewhere(
    access: Access, store: Store, clock: Clock
) -> None:
    row, token = await access.make(Role.VIEWER, "guest")
    elsewhere = Access(store, now=clock.wall, monotonic_s=clock.monotonic)
    await elsewhere.authorize(token, Role.VIEWER)
    await access.revoke(row.token_id)
    with pytest.raises(TokenRefused, match="revoked"):
        await access.authorize(token, Role.VIEWER)
    clock.now_s += CACHE_S
    with pytest.raises(TokenRefused, match="revoked"):
        await elsewhere.authorize(token, Role.VIEWER)


@pytest.mark.asyncio
async def test_only_a_token_that_is_there_and_not_the_last_admin_s_is_revoked(access: Access) -> None:
    admin, _ = await access.make(Role.ADMIN, "a")
    with pytest.raises(NotFound):
        await access.revoke("nobody")
    with pytest.raises(Conflict):
        await access.revoke(admin.token_id)
    other, _ = await access.make(Role.ADMIN, "b")
    await access.revoke(admin.token_id)
    with pytest.raises(Conflict):
        await access.revoke(other.token_id)


@pytest.mark.asyncio
async def test_many_requests_ask_the_store_once_in_a_while(access: Access, store: Store, clock: Clock) -> None:
    _, token = await access.make(Role.VIEWER, "guest")
    await asyncio.gather(*(access.authorize(token, Role.VIEWER) for _ in range(50)))
    assert store.asked == 1
    clock.now_s += CACHE_S
    await asyncio.gather(*(access.authorize(token, Role.VIEWER) for _ in range(50)))
    assert store.asked == 2


@pytest.mark.asyncio
async def test_known_tokens_work_for_a_while_without_the_store(access: Access, store: Store, clock: Clock) -> None:
    _, token = await access.make(Role.WORKER, "w")
    await access.authorize(token, Role.WORKER)
    store.away = True
    clock.now_s += STALE_S
    await access.authorize(token, Role.WORKER)
    clock.now_s += 1
    with pytest.raises(StoreFailed):
        await access.authorize(token, Role.WORKER)


@pytest.mark.asyncio
@pytest.mark.parametrize("chosen", [CHOSEN, "ab_0123456789ab_" + "a" * 64], ids=["any text", "our own form"])
async def test_a_new_installation_takes_the_chosen_token_and_no_later_one(
    access: Access, store: Store, chosen: str
) -> None:
    assert await access.first_token(chosen) == access_module.FirstToken()
    assert (await access.authorize(chosen, Role.ADMIN)).role is Role.ADMIN
    assert chosen not in repr(await store.tokens())
    assert await access.first_token(chosen) == access_module.FirstToken()
    again = await access.first_token("another chosen token")
    assert again.printed is None
    assert "not a token of this installation" in again.note
    for wrong in ("another chosen token", chosen[:-1], chosen + "x"):
        with pytest.raises(TokenRefused):
            await access.authorize(wrong, Role.VIEWER)


@pytest.mark.asyncio
async def test_a_new_installation_without_one_makes_its_own_and_tells_it_once(access: Access) -> None:
    first = await access.first_token(None)
    assert first.printed is not None
    assert (await access.authorize(first.printed, Role.ADMIN)).role is Role.ADMIN
    assert await access.first_token(None) == access_module.FirstToken()


@pytest.mark.asyncio
async def test_a_chosen_token_that_is_short_is_refused(access: Access) -> None:
    with pytest.raises(UsageError, match="openssl rand"):
        await access.first_token("x" * 15)


@pytest.mark.asyncio
async def test_a_chosen_token_is_checked_slowly_once_and_unknown_ones_can_t_pile_up(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    await access.first_token(CHOSEN)
    checks = 0
    slow = access_module._slow_hash

    def counted(token: str, salt: bytes) -> str:
        nonlocal checks
        checks += 1
        return slow(token, salt)

    monkeypatch.setattr(access_module, "_slow_hash", counted)
    await asyncio.gather(*(access.authorize(CHOSEN, Role.ADMIN) for _ in range(10)))
    assert checks == 1
    many = [access.authorize(f"a guess of number {number}", Role.ADMIN) for number in range(100)]
    results = await asyncio.gather(*many, return_exceptions=True)
    assert all(isinstance(each, TokenRefused) for each in results)
    assert checks <= 1 + access_module._MAX_CHECKS
    await access.authorize(CHOSEN, Role.ADMIN)


@pytest.mark.asyncio
async def test_two_controllers_that_begin_at_once_have_one_first_token(store: Store, clock: Clock) -> None:
    both = [Access(store, now=clock.wall, monotonic_s=clock.monotonic) for _ in range(2)]
    results = await asyncio.gather(*(each.first_token(CHOSEN) for each in both))
    assert results == [access_module.FirstToken()] * 2
    assert len(await store.tokens()) == 1


@pytest.mark.asyncio
async def test_of_two_that_begin_at_once_with_two_tokens_one_is_told_that_its_own_is_none(
    store: Store, clock: Clock
) -> None:
    both = [Access(store, now=clock.wall, monotonic_s=clock.monotonic) for _ in range(2)]
    results = await asyncio.gather(both[0].first_token(CHOSEN), both[1].first_token("another chosen token"))
    assert results[0] == access_module.FirstToken()
    assert "not a token of this installation" in results[1].note
