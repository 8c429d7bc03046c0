"""
Who may do what: tokens, of which the store keeps only hashes.

A token that we make is `ab_<id>_<secret>` with a secret of 256 random bits. Such a secret can't be guessed, however
fast the guessing, so a plain SHA-256 is the right hash: a slow one would only cost each request. The first token of an
installation may be chosen by people (`APIBENCH_TOKEN`), so that one is hashed by scrypt, with a salt, and what a check
of it costs is bounded and paid once.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from apibench.model.errors import Conflict, NotAllowed, NotFound, StoreFailed, TokenRefused, UsageError
from apibench.model.installation import Role, TokenRow
from apibench.store.control import ControlStore

CACHE_S = 3.0
"""How long the rows that were read are good: another controller's revocation is felt here after that at most."""
STALE_S = 300.0
"""How long they are still good where the database does not answer: workers must be able to come back meanwhile."""
LEAST_CHOSEN = 16
"""Characters of a token that people choose."""
MAX_TOKEN = 500
FIRST_ID = "first"
"""Of the token that was chosen by people. It has no id in it, so there is one of them at most."""
_MADE = re.compile(r"ab_(?P<id>[0-9a-z]{1,32})_(?P<secret>[0-9a-zA-Z]{32,128})")
_RANK = {Role.VIEWER: 1, Role.RUNNER: 2, Role.ADMIN: 3}
_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "maxmem": 64 * 1024 * 1024}
_MAX_CHECKS = 16
"""Chosen tokens that may wait for their check at once. One check takes some 40 ms of one processor."""
_GET_ONE = "Ask an admin for a token, and send it as `Authorization: Bearer ab_...` (or in APIBENCH_TOKEN)."


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks."""

    actor: str
    """For rows and people: the token's name and id."""
    role: Role
    token_id: str


@dataclass(frozen=True, slots=True)
class FirstToken:
    """What became of the first token of an installation."""

    printed: str | None = None
    """A token that was made just now: to be shown once, it is kept nowhere."""
    note: str = ""
    """What people should know: the token of the environment is none of this installation's."""


def allows(role: Role, needed: Role) -> bool:
    """Whether a role may do what needs another. An admin may also join as a worker; a worker may nothing else."""
    if Role.WORKER in (role, needed):
        return role in (needed, Role.ADMIN)
    return _RANK[role] >= _RANK[needed]


def actor_of(row: TokenRow) -> str:
    """What whoever shows this token is called in rows and to people."""
    return f"{row.name} ({row.token_id})"


class Access:
    """The tokens of an installation, with a short memory of what the store said."""

    def __init__(
        self,
        store: ControlStore,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._now = now
        self._monotonic_s = monotonic_s
        self._rows: dict[str, TokenRow] = {}
        self._read_s: float | None = None
        self._reading = asyncio.Lock()
        self._checking = asyncio.Lock()
        self._waiting = 0
        self._proven: tuple[bytes, str] | None = None
        """Digest of the chosen token, and the hash that it was checked against: checked once, not at each request."""

    async def authorize(self, token: str | None, needed: Role) -> Identity:
        """
        Who asks, if they may.

        Raises TokenRefused (nobody is known by that token), NotAllowed (their role does not do), StoreFailed.
        """
        if not token:
            raise TokenRefused("a token is needed", _GET_ONE)
        row = await self._row_of(token)
        if row is None:
            raise TokenRefused("this token is not known", _GET_ONE)
        if row.revoked_at is not None:
            raise TokenRefused("this token has been revoked", _GET_ONE)
        if self._has_expired(row):
            raise TokenRefused(f"this token expired at {row.expires_at}", _GET_ONE)
        if not allows(row.role, needed):
            message = f"a token of role {row.role} may not do that"
            raise NotAllowed(message, f"It needs the role {_who_may(needed)}.")
        return Identity(actor_of(row), row.role, row.token_id)

    async def make(self, role: Role, name: str, expires_at: datetime | None = None) -> tuple[TokenRow, str]:
        """A new token: its row, and the text that nobody can be told again."""
        if expires_at is not None and expires_at <= self._now():
            raise UsageError("a token can't expire before it is made", "Give a time to come.")
        token_id, secret = secrets.token_hex(6), secrets.token_hex(32)
        row = TokenRow(
            token_id=token_id,
            secret_hash=_plain_hash(token_id, secret),
            role=role,
            name=name,
            created_at=_text(self._now()),
            expires_at=None if expires_at is None else _text(expires_at),
        )
        await self._store.add_token(row)
        self._forget()
        return row, f"ab_{token_id}_{secret}"

    async def tokens(self) -> list[TokenRow]:
        """All of them, also those that are good for nothing any more."""
        return await self._store.tokens()

    async def token(self, token_id: str) -> TokenRow:
        """One of them. Raises NotFound."""
        for row in await self._store.tokens():
            if row.token_id == token_id:
                return row
        raise NotFound("there is no such token", "List them to see their ids.")

    async def revoke(self, token_id: str) -> None:
        """Have a token be good for nothing, here from now on. Raises NotFound, and Conflict for the last admin's."""
        await self.token(token_id)
        rows = await self._store.tokens()
        admins = [row.token_id for row in rows if row.role is Role.ADMIN and self._is_good(row)]
        if admins == [token_id]:
            raise Conflict("this is the last token of an admin", "Make another one first.")
        await self._store.revoke_token(token_id, _text(self._now()))
        self._forget()

    async def first_token(self, chosen: str | None) -> FirstToken:
        """
        See to it that a new installation has an admin's token: the chosen one, else one that is made.

        Raises UsageError for a chosen one that is too short.
        """
        if chosen is not None and not LEAST_CHOSEN <= len(chosen) <= MAX_TOKEN:
            message = f"APIBENCH_TOKEN has {len(chosen)} characters"
            raise UsageError(message, f"Give it {LEAST_CHOSEN} to {MAX_TOKEN} random ones: `openssl rand -hex 32`.")
        if await self._store.tokens():
            return FirstToken(note=await self._note_on(chosen))
        if chosen is None:
            _, text = await self.make(Role.ADMIN, "first admin")
            return FirstToken(printed=text)
        made = _MADE.fullmatch(chosen)
        row = TokenRow(
            token_id=made["id"] if made else FIRST_ID,
            secret_hash=_plain_hash(made["id"], made["secret"])
            if made
            else _slow_hash(chosen, secrets.token_bytes(16)),
            role=Role.ADMIN,
            name="first admin",
            created_at=_text(self._now()),
        )
        try:
            await self._store.add_token(row)
        except Conflict:
            # Another controller has begun at the same moment: its token is the first one.
            return FirstToken(note=await self._note_on(chosen))
        self._forget()
        return FirstToken()

    async def _note_on(self, chosen: str | None) -> str:
        if chosen is None:
            return ""
        row = await self._row_of(chosen)
        if row is not None and self._is_good(row):
            return ""
        return "APIBENCH_TOKEN is not a token of this installation, which has its own already."

    async def _row_of(self, token: str) -> TokenRow | None:
        if len(token) > MAX_TOKEN:
            return None
        await self._refresh()
        made = _MADE.fullmatch(token)
        if made is not None:
            row = self._rows.get(made["id"])
            # Without a row the same work is done, so that time does not tell which ids there are.
            expected = row.secret_hash if row is not None else _plain_hash(made["id"], "")
            same = hmac.compare_digest(_plain_hash(made["id"], made["secret"]), expected)
            return row if same else None
        row = self._rows.get(FIRST_ID)
        if row is None or len(token) < LEAST_CHOSEN:
            return None
        return row if await self._is_chosen(token, row.secret_hash) else None

    async def _is_chosen(self, token: str, secret_hash: str) -> bool:
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        if self._is_proven(digest, secret_hash):
            return True
        if self._waiting >= _MAX_CHECKS:
            raise TokenRefused("too many unknown tokens are being checked", "Try again in a second.")
        self._waiting += 1
        try:
            async with self._checking:
                if self._is_proven(digest, secret_hash):
                    return True  # somebody with the same token was before us
                salt = bytes.fromhex(secret_hash.split("$")[1])
                own = await asyncio.to_thread(_slow_hash, token, salt)
        finally:
            self._waiting -= 1
        same = hmac.compare_digest(own, secret_hash)
        if same:
            self._proven = (digest, secret_hash)
        return same

    def _is_proven(self, digest: bytes, secret_hash: str) -> bool:
        if self._proven is None:
            return False
        return hmac.compare_digest(digest, self._proven[0]) and secret_hash == self._proven[1]

    async def _refresh(self) -> None:
        if self._is_fresh():
            return
        async with self._reading:
            if self._is_fresh():
                return  # somebody else has read them while we waited
            try:
                rows = await self._store.tokens()
            except StoreFailed:
                if self._read_s is None or self._monotonic_s() - self._read_s > STALE_S:
                    raise
                return
            self._rows = {row.token_id: row for row in rows}
            self._read_s = self._monotonic_s()

    def _is_fresh(self) -> bool:
        return self._read_s is not None and self._monotonic_s() - self._read_s < CACHE_S

    def _forget(self) -> None:
        self._read_s = None

    def _is_good(self, row: TokenRow) -> bool:
        return row.revoked_at is None and not self._has_expired(row)

    def _has_expired(self, row: TokenRow) -> bool:
        return row.expires_at is not None and datetime.fromisoformat(row.expires_at) <= self._now()


def _plain_hash(token_id: str, secret: str) -> str:
    # With the id, so that no row's hash is good in another row.
    return hashlib.sha256(f"apibench token {token_id} {secret}".encode()).hexdigest()


def _slow_hash(token: str, salt: bytes) -> str:
    key = hashlib.scrypt(token.encode("utf-8", "replace"), salt=salt, **_SCRYPT)
    return f"scrypt${salt.hex()}${key.hex()}"


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _who_may(needed: Role) -> str:
    return " or ".join(role for role in Role if allows(role, needed))
