//! A TLS handshake on a blocking stream: whether a peer would take our connections, before anything is measured.
//!
//! Under TLS 1.3 our side is done before the peer has judged us. One that wants a certificate, and gets none, says so
//! behind the handshake, in the face of the first request; a look that ended with the handshake would miss it. So where
//! the peer has asked for a certificate its answer is awaited: an alert, or the ticket that most send to whom they take.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use apibench_core::failure::Failure;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, Error, ProtocolVersion, SignatureScheme};

use crate::tls::{TlsProfile, agreed, failure_of};

/// A blocking stream.
pub trait Stream: Read + Write {
    /// Has no read take longer than that.
    ///
    /// # Errors
    /// As the system says.
    fn bound_reads(&self, patience: Duration) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn bound_reads(&self, patience: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(patience))
    }
}

impl Stream for UnixStream {
    fn bound_reads(&self, patience: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(patience))
    }
}

/// Has no certificate, and remembers whether it was asked for one.
#[derive(Debug, Default)]
struct Asked(AtomicBool);

impl ResolvesClientCert for Asked {
    fn resolve(&self, _root_hint_subjects: &[&[u8]], _sigschemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

impl TlsProfile {
    /// Shakes hands as a run would, waits for what the peer says to that, and sends nothing more. `silence`: how long one
    /// that asked for a certificate may say nothing before that is taken for consent.
    ///
    /// # Errors
    /// The name of what went wrong, and the reason in words.
    pub fn handshake(&self, mut stream: impl Stream, silence: Duration) -> Result<(), (Failure, String)> {
        let asked = Arc::new(Asked::default());
        let mut config = ClientConfig::clone(&self.config);
        config.client_auth_cert_resolver = Arc::<Asked>::clone(&asked);
        let mut session = self
            .session_of(Arc::new(config))
            .map_err(|failure| (failure, "no session could be made".to_owned()))?;
        while session.is_handshaking() {
            session.complete_io(&mut stream).map_err(|error| told(&error))?;
        }
        if !agreed(&session) {
            let protocol = session
                .alpn_protocol()
                .map(String::from_utf8_lossy)
                .unwrap_or_default()
                .into_owned();
            return Err((Failure::TlsAlpn, format!("it chose {protocol}")));
        }
        if asked.0.load(Ordering::Relaxed) && session.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
            return hear_out(&mut session, &mut stream, silence);
        }
        Ok(())
    }
}

/// Waits for what a peer says that asked for a certificate and got none.
fn hear_out(
    session: &mut ClientConnection,
    stream: &mut impl Stream,
    silence: Duration,
) -> Result<(), (Failure, String)> {
    let until = Instant::now() + silence;
    stream.bound_reads(silence).map_err(|error| told(&error))?;
    while session.tls13_tickets_received() == 0 && Instant::now() < until {
        match session.read_tls(stream) {
            Ok(0) => {
                let detail = "it asked for a certificate, and closed the connection when it got none".to_owned();
                return Err((Failure::TlsProtocol, detail));
            }
            Ok(_) => {
                let heard = session.process_new_packets();
                heard.map_err(|error| (failure_of(&error), error.to_string()))?;
            }
            Err(error) if is_silence(&error) => break,
            Err(error) => {
                let detail = format!("it asked for a certificate, and got none: {error}");
                return Err((Failure::TlsProtocol, detail));
            }
        }
    }
    Ok(())
}

/// What an error of the stream or of the session is called, and the reason in its words.
fn told(error: &io::Error) -> (Failure, String) {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let failure = match (tls, error.kind()) {
        (Some(tls), _) => failure_of(tls),
        (None, _) if is_silence(error) => Failure::TimeoutConnect,
        (None, io::ErrorKind::UnexpectedEof) => Failure::TlsProtocol,
        (None, _) => crate::sys::failure_of(error),
    };
    (failure, tls.map_or_else(|| error.to_string(), ToString::to_string))
}

/// Whether a read was given up because nothing came.
fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
