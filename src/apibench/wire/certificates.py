"""
Certificates of a small authority of our own, and whether one can be used.

An authority signs for services only (path length 0). A certificate of it is good for both ends of a link, because an
aggregator is a server to workers and a client of the controller. Keys are of P-256: whatever speaks TLS knows it, and a
handshake costs a fraction of RSA's.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from apibench.model.errors import CertificatesUnusable, UsageError

EARLIER = timedelta(hours=1)
"""A certificate holds from before it was made: clocks of other machines may be behind."""
AUTHORITY = "API Benchmark development authority"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DNS_NAME = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")
_BRING_PEM = "Bring PEM; `apibench certs` makes some."


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Any

    @classmethod
    def of_pem(cls, certificate: bytes, key: bytes) -> "Credential":
        """Raises CertificatesUnusable for what is none, and where the key is another's."""
        try:
            made = cls(x509.load_pem_x509_certificate(certificate), serialization.load_pem_private_key(key, None))
        except (ValueError, TypeError) as error:
            raise CertificatesUnusable("it is no certificate with a key that has no password", _BRING_PEM) from error
        if made.certificate.public_key() != made.key.public_key():
            raise CertificatesUnusable("the key is another certificate's", "Name the two that were made together.")
        return made

    @property
    def certificate_pem(self) -> bytes:
        """As it is shown to others."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """Without a password: a service reads it when nobody is there."""
        return bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    @property
    def ends(self) -> datetime:
        """Until when it holds."""
        return self.certificate.not_valid_after_utc

    def check_time(self, now: datetime) -> None:
        """Raises CertificatesUnusable where it does not hold yet, or no longer."""
        begins = self.certificate.not_valid_before_utc
        if now < begins:
            raise CertificatesUnusable(f"the certificate holds from {_shown(begins)} on", "Is the clock right?")
        if now > self.ends:
            raise CertificatesUnusable(
                f"the certificate expired on {_shown(self.ends)}", "Bring another; `apibench certs --renew` makes them."
            )

    def signed(self, other: "Credential") -> bool:
        """Whether this authority has signed that one."""
        try:
            other.certificate.verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    @property
    def hosts(self) -> list[str]:
        """Names and addresses by which whoever shows it may be dialled."""
        try:
            found = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except x509.ExtensionNotFound:
            return []
        return [str(name.value) for name in found.value]

    def covers(self, host: str) -> bool:
        """Whether that host is one of them."""
        return str(alternative_name(host).value) in self.hosts


def new_authority(now: datetime, days: int) -> Credential:
    """One that nobody else knows."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, AUTHORITY)])
    builder = _begun(name, key, now, now + timedelta(days=days)).issuer_name(name)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs=True), critical=True)
    return Credential(builder.sign(key, hashes.SHA256()), key)


def new_credential(authority: Credential, name: str, hosts: Iterable[str], now: datetime, days: int) -> Credential:
    """A service's, for these hosts. It does not outlive its authority. Raises UsageError for what is no host."""
    key = ec.generate_private_key(ec.SECP256R1())
    ends = min(now + timedelta(days=days), authority.ends)
    builder = _begun(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"apibench {name}")]), key, now, ends)
    builder = builder.issuer_name(authority.certificate.subject)
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    known_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    for extension, critical in (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(signs=False), True),
        (x509.ExtendedKeyUsage(both), False),
        (x509.SubjectAlternativeName([alternative_name(host) for host in hosts]), False),
        (known_by, False),
    ):
        builder = builder.add_extension(extension, critical=critical)
    return Credential(builder.sign(authority.key, hashes.SHA256()), key)


def alternative_name(host: str) -> x509.GeneralName:
    """A host as a certificate has it: an address, or a name. Raises UsageError."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host.removeprefix("[").removesuffix("]")))
    except ValueError:
        pass
    if len(host) > 253 or not _DNS_NAME.fullmatch(host) or host.rpartition(".")[2].isdigit():
        raise UsageError(
            f"--host: '{host}' is no name or address", "Write it as it is dialled, without a port: controller.example."
        )
    return x509.DNSName(host.lower())


def now_utc() -> datetime:
    """The time by which certificates hold."""
    return datetime.now(UTC)


def _begun(subject: x509.Name, key: Any, now: datetime, ends: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _shown(moment: datetime) -> str:
    return moment.date().isoformat()
