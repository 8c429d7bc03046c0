"""
Keys that sign code, and the signatures of bundles.

Ed25519, and public keys as OpenSSH writes them: one line each, whose fingerprint `ssh-keygen -lf` shows too. A
signature is of a manifest behind a line of our own, so that nothing which was signed for another purpose is one.
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from apibench.model.bundle import Bundle, Manifest
from apibench.model.errors import BundleUnusable, KeysUnusable
from apibench.model.fault import Fault

_PURPOSE = b"apibench bundle 1\n"
_MAX_LINE = 1_000
_MAKE_ONE = "`apibench keys` makes one."


@dataclass(frozen=True, slots=True)
class PublicKey:
    """By which signatures are checked."""

    raw: bytes
    """32 of them."""

    @property
    def line(self) -> str:
        """As it stands in a file of trusted keys."""
        key = Ed25519PublicKey.from_public_bytes(self.raw)
        return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()

    @property
    def fingerprint(self) -> str:
        """For people: `SHA256:…`."""
        digest = hashlib.sha256(b64decode(self.line.split()[1])).digest()
        return "SHA256:" + b64encode(digest).decode().rstrip("=")


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """Who has it can sign."""

    key: Ed25519PrivateKey

    @classmethod
    def new(cls) -> "SigningKey":
        """One that nobody else knows."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def of_pem(cls, content: bytes) -> "SigningKey":
        """Raises KeysUnusable for what is no key of Ed25519 without a password."""
        try:
            key = serialization.load_pem_private_key(content, None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeysUnusable("it is no private key in PEM that has no password", _MAKE_ONE) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise KeysUnusable("it is a key of another kind than Ed25519", _MAKE_ONE)
        return cls(key)

    @property
    def pem(self) -> bytes:
        """Without a password: a build signs when nobody is there."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def public(self) -> PublicKey:
        """Its other half."""
        return PublicKey(self.key.public_key().public_bytes_raw())

    def sign(self, manifest: Manifest, files: dict[str, str]) -> Bundle:
        """The bundle of a manifest and its files."""
        signature = self.key.sign(_PURPOSE + manifest.canonical())
        return Bundle(
            manifest=manifest,
            files=files,
            signed_by=b64encode(self.public.raw).decode(),
            signature=b64encode(signature).decode(),
        )


def check_signature(bundle: Bundle) -> PublicKey:
    """The key that has signed a bundle's manifest. Raises BundleUnusable where it has not."""
    try:
        key = PublicKey(_decoded(bundle.signed_by))
        checker = Ed25519PublicKey.from_public_bytes(key.raw)
        checker.verify(_decoded(bundle.signature), _PURPOSE + bundle.manifest.canonical())
    except (InvalidSignature, ValueError) as error:
        message = "is not of that key, or the manifest was changed behind it"
        remedy = "Make the bundle anew, and sign it."
        place = ("bundle", "signature")
        raise BundleUnusable([Fault("bundle.signature", ".".join(place), message, remedy, path=place)]) from error
    return key


def _decoded(text: str) -> bytes:
    """Out of base64, of which there is one text for the same bytes: the spare bits of its last letter are 0."""
    decoded = b64decode(text)
    if b64encode(decoded).decode() != text:
        message = "its last letter is not as base64 writes it"
        raise ValueError(message)
    return decoded


def trusted_keys(lines: Iterable[str]) -> tuple[PublicKey, ...]:
    """
    Public keys, one a line; empty lines and those that begin with # are none.

    Raises KeysUnusable with the number of the first line that is no key of Ed25519.
    """
    found = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            key = serialization.load_ssh_public_key(text.encode()) if len(text) <= _MAX_LINE else None
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PublicKey):
            remedy = "Each line is the .pub file of a key: ssh-ed25519 AAAA… NAME."
            raise KeysUnusable(f"line {number} is no public key of Ed25519", remedy)
        found.append(PublicKey(key.public_bytes_raw()))
    return tuple(found)
