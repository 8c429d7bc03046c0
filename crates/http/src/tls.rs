//! TLS on top of a connection: rustls, driven by hand on the event loop.
//!
//! Each thread has its own configuration and its own store of session tickets. The stock store keeps eight
//! tickets per server behind a lock, so that of a thousand reconnects eight could resume; here every connection
//! can.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use apibench_core::failure::Failure;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, NamedGroup,
    PeerMisbehaved, RootCertStore, SignatureScheme,
};

/// The only protocol that this transport speaks, as ALPN names it.
const ALPN: &[u8] = b"http/1.1";
/// Session tickets kept per thread and host: one for each of many connections, at about a kilobyte each.
const TICKETS_KEPT: usize = 4096;

/// Whom to trust. Made once, before the barrier, and shared by the threads.
#[derive(Debug, Clone)]
pub enum Trust {
    /// Those who issued one of these certificates.
    Roots(Arc<RootCertStore>),
    /// Anybody. The name is still sent, so that the target answers as it would to anybody else.
    Anybody,
}

impl Trust {
    /// The certificates of a PEM file, or the system's.
    ///
    /// # Errors
    /// In words, if there is not one certificate to trust.
    pub fn load(ca_file: Option<&Path>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        match ca_file {
            Some(path) => {
                let certificates = CertificateDer::pem_file_iter(path)
                    .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                    .map_err(|error| format!("cannot read certificates from {}: {error}", path.display()))?;
                for certificate in certificates {
                    roots
                        .add(certificate)
                        .map_err(|error| format!("{} holds a certificate that is none: {error}", path.display()))?;
                }
                if roots.is_empty() {
                    return Err(format!("{} holds no certificate in PEM form", path.display()));
                }
            }
            None => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
                if roots.is_empty() {
                    return Err(
                        "this system has no trusted certificates; name a file of them, or do not verify".to_owned(),
                    );
                }
            }
        }
        Ok(Self::Roots(Arc::new(roots)))
    }
}

/// What one thread needs to open TLS connections to one host.
#[derive(Debug, Clone)]
pub struct TlsProfile {
    pub(crate) config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl TlsProfile {
    /// A profile for connections to `name`, a host name or an IP address.
    ///
    /// # Errors
    /// In words, if `name` can stand in no certificate.
    pub fn new(trust: &Trust, name: &str) -> Result<Self, String> {
        let server_name = ServerName::try_from(name.to_owned())
            .map_err(|_| format!("'{name}' is no name that a certificate can be for"))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let mut config = match trust {
            Trust::Roots(roots) => builder.with_root_certificates(Arc::clone(roots)).with_no_client_auth(),
            Trust::Anybody => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(TrustAnybody { provider }))
                .with_no_client_auth(),
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::store(Arc::new(Tickets::default()));
        Ok(Self {
            config: Arc::new(config),
            name: server_name,
        })
    }

    /// A session that has not said anything yet.
    pub(crate) fn session(&self) -> Result<Box<ClientConnection>, Failure> {
        self.session_of(Arc::clone(&self.config))
    }

    /// The same of another configuration.
    pub(crate) fn session_of(&self, config: Arc<ClientConfig>) -> Result<Box<ClientConnection>, Failure> {
        let mut session = ClientConnection::new(config, self.name.clone()).map_err(|error| failure_of(&error))?;
        session.set_buffer_limit(None);
        Ok(Box::new(session))
    }
}

/// Seals `plain` and whatever the session itself has to say into `sealed`, which is emptied first.
pub(crate) fn seal(session: &mut ClientConnection, plain: &[u8], sealed: &mut Vec<u8>) {
    sealed.clear();
    // Writing to memory: neither can fail, and the session buffers without a limit (see `session`).
    let _ = session.writer().write_all(plain);
    while session.wants_write() {
        let _ = session.write_tls(sealed);
    }
}

/// Hands received bytes to the session, as many as it takes before what it has opened must be read. Returns how many
/// those were: none, once the peer has said goodbye.
pub(crate) fn feed(session: &mut ClientConnection, received: &mut &[u8]) -> Result<usize, Failure> {
    let taken = session.read_tls(received).map_err(|_| Failure::TlsProtocol)?;
    session.process_new_packets().map_err(|error| failure_of(&error))?;
    Ok(taken)
}

/// Whether the peer agreed to a protocol that we speak. One that names none speaks HTTP/1.1.
pub(crate) fn agreed(session: &ClientConnection) -> bool {
    session.alpn_protocol().is_none_or(|protocol| protocol == ALPN)
}

/// The name under which an error of TLS is counted.
pub(crate) fn failure_of(error: &Error) -> Failure {
    match error {
        Error::InvalidCertificate(reason) => match reason {
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Failure::TlsExpired,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Failure::TlsWrongName
            }
            _ => Failure::TlsUntrusted,
        },
        // As the session sees it for itself, and as the peer says.
        Error::NoApplicationProtocol
        | Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedApplicationProtocol)
        | Error::AlertReceived(AlertDescription::NoApplicationProtocol) => Failure::TlsAlpn,
        _ => Failure::TlsProtocol,
    }
}

/// Session tickets of one host on one thread. The lock is never contended; the trait asks for `Sync`.
#[derive(Debug)]
struct Tickets {
    tls13: Mutex<VecDeque<Tls13ClientSessionValue>>,
    /// TLS 1.2 sessions may be used again and again, so the stock store serves.
    tls12: ClientSessionMemoryCache,
}

impl Default for Tickets {
    fn default() -> Self {
        Self {
            tls13: Mutex::default(),
            tls12: ClientSessionMemoryCache::new(1),
        }
    }
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.tls12.set_kx_hint(server_name, group);
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        self.tls12.kx_hint(server_name)
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.tls12.set_tls12_session(server_name, value);
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.tls12.tls12_session(server_name)
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        self.tls12.remove_tls12_session(server_name);
    }

    fn insert_tls13_ticket(&self, _server_name: ServerName<'static>, value: Tls13ClientSessionValue) {
        if let Ok(mut tickets) = self.tls13.lock() {
            if tickets.len() == TICKETS_KEPT {
                tickets.pop_front();
            }
            tickets.push_back(value);
        }
    }

    fn take_tls13_ticket(&self, _server_name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.tls13.lock().ok()?.pop_back()
    }
}

/// Trusts every certificate, but checks that the peer holds its key: `-k` is about who issued it.
#[derive(Debug)]
struct TrustAnybody {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for TrustAnybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
