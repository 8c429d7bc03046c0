"""Files of keys: one that signs, which only its owner reads, and those that a worker trusts, which only it changes."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from apibench.model.errors import KeysUnusable
from apibench.wire.signing_keys import PublicKey, SigningKey, trusted_keys

PUBLIC = ".pub"
MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The two files of a key."""

    key: SigningKey
    made: bool
    """Just now; else it was there."""
    public_made: bool


def make_keys(path: Path, name: str) -> KeyPair:
    """
    Make a key at `path` and its public half beside it. What is there stays.

    Raises KeysUnusable for what is there and is of no use or of another key, and for what can't be written.
    """
    public = Path(f"{path}{PUBLIC}")
    try:
        made = not os.path.lexists(path)
        key = SigningKey.new() if made else signing_key(path)
        line = f"{key.public.line} {name}\n"
        told = not os.path.lexists(public)
        if not told and key.public not in trusted_keys(_lines(public)):
            raise KeysUnusable(f"{public} is of another key than {path}", "Name another file: --file.")
        if made:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write(path, key.pem, 0o600)
        if told:
            _write(public, line.encode(), 0o644)
    except OSError as error:
        raise _unusable(path, error) from error
    return KeyPair(key, made, told)


def signing_key(path: Path) -> SigningKey:
    """The key of a file. Raises KeysUnusable, also where others may read it."""
    content, rights = _content(path)
    try:
        key = SigningKey.of_pem(content)
    except KeysUnusable as error:
        raise KeysUnusable(f"{path}: {error.message}", error.hint) from error
    if rights & 0o077:
        raise KeysUnusable(f"others may read the key {path}, or change it", f"Do: chmod 600 {path}.")
    return key


def keys_trusted_by(path: Path) -> tuple[PublicKey, ...]:
    """The public keys of a file. Raises KeysUnusable, also where others may write to it, and where it has none."""
    content, rights = _content(path)
    try:
        keys = trusted_keys(content.decode("utf-8").splitlines())
    except UnicodeDecodeError as error:
        raise KeysUnusable(f"{path} is not UTF-8", "Each line is a public key: ssh-ed25519 AAAA… NAME.") from error
    except KeysUnusable as error:
        raise KeysUnusable(f"{path}: {error.message}", error.hint) from error
    if not keys:
        raise KeysUnusable(f"{path} has no key", "Each line is a public key, or leave the file out to trust nobody.")
    if rights & 0o022:
        raise KeysUnusable(f"others may change the trusted keys of {path}", f"Do: chmod go-w {path}.")
    return keys


def _content(path: Path) -> tuple[bytes, int]:
    """What is in it, and who may do what with it."""
    try:
        # A pipe that nobody writes into would be waited for.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise KeysUnusable(f"{path} is no file", "Name the file of keys.")
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unusable(path, error) from error
    if len(content) > MAX_BYTES:
        raise KeysUnusable(f"{path} is larger than {MAX_BYTES >> 10} KiB", "Is it the right file?")
    return content, stat.S_IMODE(found.st_mode)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def _write(path: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), "wb") as file:
        file.write(content)


def _unusable(path: Path, error: OSError) -> KeysUnusable:
    reason = (error.strerror or str(error)).lower()
    return KeysUnusable(f"the file of keys {path} can't be used: {reason}", "Check its name and rights.")
