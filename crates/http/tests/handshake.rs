//! A handshake before a run sees what a request would run into, and sends none.

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use apibench_core::failure::Failure;
use apibench_http::tls::{TlsProfile, Trust};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};

/// Longer than any test may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a server does about certificates of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    Nobody,
    Politely,
    Everybody,
}

fn configured(version: &'static SupportedProtocolVersion, asks: Asks, tickets: usize) -> Arc<ServerConfig> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]);
    let builder = match asks {
        Asks::Nobody => builder.unwrap().with_no_client_auth(),
        Asks::Politely => builder
            .unwrap()
            .with_client_cert_verifier(clients.allow_unauthenticated().build().unwrap()),
        Asks::Everybody => builder.unwrap().with_client_cert_verifier(clients.build().unwrap()),
    };
    let mut config = builder.with_single_cert(vec![cert.der().clone()], key).unwrap();
    config.send_tls13_tickets = tickets;
    Arc::new(config)
}

/// A server for one connection, which tells how many bytes of a request came.
fn serving(script: impl FnOnce(TcpStream) -> usize + Send + 'static) -> (TcpStream, Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (tells, told) = channel();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        tells.send(script(stream)).unwrap();
    });
    (client, told)
}

/// Reads until the client has gone.
fn requested(config: Arc<ServerConfig>, stream: TcpStream) -> usize {
    let mut secure = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    let mut received = Vec::new();
    // That the client goes without a word is what it should do.
    drop(secure.read_to_end(&mut received));
    received.len()
}

/// What a client without a certificate finds, and how many bytes of a request it sent.
fn shaken(
    version: &'static SupportedProtocolVersion,
    asks: Asks,
    tickets: usize,
    silence: Duration,
) -> (Result<(), (Failure, String)>, usize) {
    let config = configured(version, asks, tickets);
    let (client, told) = serving(move |stream| requested(config, stream));
    let profile = TlsProfile::new(&Trust::Anybody, "localhost").unwrap();
    let found = profile.handshake(client, silence);
    (found, told.recv_timeout(PATIENCE).unwrap())
}

#[test]
fn who_wants_a_certificate_is_found_out_in_both_versions_and_no_request_is_sent() {
    for version in [&TLS12, &TLS13] {
        let (found, requested) = shaken(version, Asks::Everybody, 2, PATIENCE);
        let (failure, detail) = found.unwrap_err();
        assert_eq!((failure, requested), (Failure::TlsProtocol, 0), "{version:?}");
        assert!(detail.contains("CertificateRequired"), "{version:?}: {detail}");
    }
}

#[test]
fn who_only_asks_for_one_takes_us_without_and_says_so_with_a_ticket() {
    for version in [&TLS12, &TLS13] {
        // Nothing is waited out: whoever waits for more than the ticket runs into the server's own patience.
        let (found, requested) = shaken(version, Asks::Politely, 2, 2 * PATIENCE);
        assert_eq!((found, requested), (Ok(()), 0), "{version:?}");
    }
}

#[test]
fn who_asks_and_then_says_nothing_takes_us() {
    let (found, requested) = shaken(&TLS13, Asks::Politely, 0, Duration::from_millis(1));
    assert_eq!((found, requested), (Ok(()), 0));
}

#[test]
fn who_did_not_ask_is_not_waited_for() {
    for tickets in [0, 2] {
        let (found, requested) = shaken(&TLS13, Asks::Nobody, tickets, 2 * PATIENCE);
        assert_eq!((found, requested), (Ok(()), 0), "{tickets} tickets");
    }
}

#[test]
fn who_asks_and_goes_without_a_word_wants_one_too() {
    let config = configured(&TLS13, Asks::Politely, 0);
    let (client, told) = serving(move |mut stream| {
        let mut session = ServerConnection::new(config).unwrap();
        while session.is_handshaking() {
            session.complete_io(&mut stream).unwrap();
        }
        0
    });
    let profile = TlsProfile::new(&Trust::Anybody, "localhost").unwrap();
    let (failure, detail) = profile.handshake(client, PATIENCE).unwrap_err();
    assert_eq!(failure, Failure::TlsProtocol);
    assert!(detail.contains("asked for a certificate"), "{detail}");
    told.recv_timeout(PATIENCE).unwrap();
}
