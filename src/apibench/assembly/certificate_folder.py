"""A folder of certificates for one installation: a CA, and a certificate with a key for each kind of service."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from apibench.model.errors import CertificatesUnusable, UsageError
from apibench.wire.certificates import Credential, alternative_name, new_authority, new_credential, now_utc

CA = "ca"
SERVICES = ("controller", "aggregator", "worker")
CA_DAYS = 3_650
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_RENEW = "`--renew` makes it again, by the same CA."
_ANEW = "Take the whole folder away, or name another: --folder."


@dataclass(frozen=True, slots=True)
class Certified:
    """One that is in the folder, or is to be."""

    name: str
    credential: Credential
    made: bool
    """Just now; else it was there."""


def own_hosts() -> tuple[str, ...]:
    """As what this machine is dialled anyhow: on loopback, and by its name where that can be dialled."""
    name = socket.gethostname()
    try:
        alternative_name(name)
    except UsageError:
        return _LOOPBACK
    return (*_LOOPBACK, name)


def make_certificates(folder: Path, hosts: Sequence[str], *, days: int, renew: bool) -> list[Certified]:
    """
    Make what is missing in the folder; with `renew` also the services' that are there.

    What is made is for the hosts of those that were there, too. All of it is looked at first: nothing is written where
    something does not do.

    Raises UsageError for what is no host, CertificatesUnusable for what does not do, or can't be read or written.
    """
    for host in hosts:
        alternative_name(host)
    try:
        certified = _Office(folder, tuple(hosts), now_utc()).certified(days, renew=renew)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for each in certified:
            if each.made:
                _write(folder / f"{each.name}.key", each.credential.key_pem, 0o600)
                _write(folder / f"{each.name}.pem", each.credential.certificate_pem, 0o644)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CertificatesUnusable(f"{error.filename or folder}: {reason}", "Name another folder: --folder.") from error
    return certified


@dataclass(frozen=True, slots=True)
class _Office:
    """Where certificates are looked up and, if need be, made."""

    folder: Path
    hosts: tuple[str, ...]
    now: datetime

    def certified(self, days: int, *, renew: bool) -> list[Certified]:
        """All of them; what is made is not written yet."""
        found = self._authority()
        authority = found or new_authority(self.now, CA_DAYS)
        services = {name: self._service(name, authority, renew=renew) for name in SERVICES}
        before = (host for each in services.values() if each is not None for host in each.hosts)
        names = {alternative_name(host): host for host in (*self.hosts, *before)}
        certified = [Certified(CA, authority, made=found is None)]
        for name, there in services.items():
            if there is not None and not renew:
                certified.append(Certified(name, there, made=False))
            else:
                made = new_credential(authority, name, names.values(), self.now, days)
                certified.append(Certified(name, made, made=True))
        return certified

    def _authority(self) -> Credential | None:
        try:
            found = self._found(CA)
            if found is not None:
                self._check_time(found, CA)
        except CertificatesUnusable as error:
            raise CertificatesUnusable(error.message, _ANEW) from error
        return found

    def _service(self, name: str, authority: Credential, *, renew: bool) -> Credential | None:
        try:
            found = self._found(name)
            if found is not None and not renew:
                self._check(found, name, authority)
        except CertificatesUnusable as error:
            if renew:
                return None
            raise CertificatesUnusable(error.message, _RENEW) from error
        return found

    def _found(self, name: str) -> Credential | None:
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        there = [path.name for path in (certificate, key) if path.exists()]
        if not there:
            return None
        if len(there) == 1:
            missing = key if certificate.exists() else certificate
            raise CertificatesUnusable(f"{self.folder} has {there[0]} and no {missing.name}", _RENEW)
        try:
            return Credential.of_pem(certificate.read_bytes(), key.read_bytes())
        except CertificatesUnusable as error:
            raise CertificatesUnusable(f"{certificate}: {error.message}", error.hint) from error

    def _check(self, found: Credential, name: str, authority: Credential) -> None:
        self._check_time(found, name)
        if not authority.signed(found):
            raise CertificatesUnusable(f"{self.folder / name}.pem is of another CA than the one beside it", _RENEW)
        for host in self.hosts:
            if not found.covers(host):
                raise CertificatesUnusable(f"{self.folder / name}.pem is not for {host}", _RENEW)

    def _check_time(self, found: Credential, name: str) -> None:
        try:
            found.check_time(self.now)
        except CertificatesUnusable as error:
            raise CertificatesUnusable(f"{self.folder / name}.pem: {error.message}", error.hint) from error


def _write(path: Path, content: bytes, mode: int) -> None:
    # In place at once or not at all: half a key would be nobody's.
    half = path.with_name(f"{path.name}.new")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    half.replace(path)
