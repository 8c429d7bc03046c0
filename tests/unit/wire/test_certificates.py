"""Certificates of our own CA: for whom they are, for how long, and what is none."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from apibench.model.errors import CertificatesUnusable, UsageError
from apibench.wire.certificates import EARLIER, Credential, alternative_name, new_authority, new_credential

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOSTS = ("localhost", "127.0.0.1", "::1", "controller.example")


@pytest.fixture(scope="module")
def authority() -> Credential:
    return new_authority(NOW, 10)


def test_a_certificate_is_for_its_hosts_and_for_both_ends_of_a_link(authority: Credential) -> None:
    made = new_credential(authority, "controller", HOSTS, NOW, 5)
    assert made.hosts == list(HOSTS)
    assert all(made.covers(host) for host in (*HOSTS, "[::1]", "0:0:0:0:0:0:0:1", "Controller.Example"))
    assert not any(made.covers(host) for host in ("127.0.0.2", "example", "www.controller.example"))
    usage = made.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}


def test_only_its_own_authority_has_signed_it_and_it_signs_nothing(authority: Credential) -> None:
    made, other = new_credential(authority, "worker", HOSTS, NOW, 5), new_authority(NOW, 10)
    assert authority.signed(made)
    assert not other.signed(made)
    assert not made.signed(made)
    may_sign = made.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert may_sign is False


@pytest.mark.parametrize(("days", "holds"), [(1, 1), (5, 5), (99, 10)])
def test_it_holds_for_so_many_days_and_never_longer_than_its_authority(
    authority: Credential, days: int, holds: int
) -> None:
    made = new_credential(authority, "worker", HOSTS, NOW, days)
    assert made.ends == NOW + timedelta(days=holds)
    second = timedelta(seconds=1)
    for moment in (NOW - EARLIER, NOW, made.ends):
        made.check_time(moment)
    with pytest.raises(CertificatesUnusable, match=r"holds from 2026-11-26 on"):
        made.check_time(NOW - EARLIER - second)
    with pytest.raises(CertificatesUnusable, match=f"expired on {made.ends.date()}"):
        made.check_time(made.ends + second)


def test_it_comes_back_from_its_files_as_it_was(authority: Credential) -> None:
    read = Credential.of_pem(authority.certificate_pem, authority.key_pem)
    assert read.certificate == authority.certificate
    assert authority.signed(new_credential(read, "worker", HOSTS, NOW, 5))


def test_what_is_no_certificate_with_its_key_is_refused(authority: Credential) -> None:
    other = new_authority(NOW, 10)
    with pytest.raises(CertificatesUnusable, match="another certificate's"):
        Credential.of_pem(authority.certificate_pem, other.key_pem)
    for certificate, key in ((b"", b""), (authority.key_pem, authority.key_pem), (authority.certificate_pem, b"x")):
        with pytest.raises(CertificatesUnusable, match="no certificate"):
            Credential.of_pem(certificate, key)


@pytest.mark.parametrize("host", ["", "a b", "host:80", "http://host", "1.2.3", "-x", "a..b", f"{'h' * 64}.example"])
def test_what_nobody_can_dial_is_no_host(host: str) -> None:
    with pytest.raises(UsageError, match="no name or address"):
        alternative_name(host)
