//! TLS against servers of rustls.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex};

use apibench_core::failure::Failure;
use apibench_core::lease::Lease;
use apibench_http::host::HostProfile;
use apibench_http::tls::{TlsProfile, Trust};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};

use crate::wire::{GET, OK, Wire, heard, host, post, read_head, serving};

type Secure = StreamOwned<ServerConnection, TcpStream>;

fn configured(versions: &[&'static SupportedProtocolVersion], alpn: &[&[u8]]) -> Arc<ServerConfig> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions);
    let mut config = builder
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(config)
}

/// A server that shakes hands and then does what `script` says.
fn serving_tls<F>(config: Arc<ServerConfig>, script: F) -> SocketAddr
where
    F: Fn(Secure, usize) -> io::Result<()> + Clone + Send + 'static,
{
    serving(move |stream, number| {
        let session = ServerConnection::new(Arc::clone(&config)).unwrap();
        script(StreamOwned::new(session, stream), number)
    })
}

fn trusting(address: SocketAddr) -> HostProfile {
    HostProfile {
        tls: Some(TlsProfile::new(&Trust::Anybody, "localhost").unwrap()),
        ..host(address)
    }
}

fn answer(mut stream: Secure) -> io::Result<()> {
    while !read_head(&mut stream)?.is_empty() {
        stream.write_all(OK)?;
    }
    Ok(())
}

#[test]
fn a_peer_that_speaks_only_other_protocols_is_told_by_name() {
    for versions in [rustls::ALL_VERSIONS, &[&rustls::version::TLS12]] {
        let address = serving_tls(configured(versions, &[b"h2"]), |stream, _| answer(stream));
        let mut wire = Wire::to(trusting(address));
        let channel = wire.channel();
        assert_eq!(wire.one_by_one(channel, 1), [Err(Failure::TlsAlpn)]);
    }
}

#[test]
fn what_the_peer_said_is_the_reason_though_it_went_before_it_was_told_so() {
    let (begins, beginning) = channel::<()>();
    let (goes, gone) = channel();
    let beginning = Arc::new(Mutex::new(beginning));
    let address = serving(move |mut stream, _| {
        stream.read_exact(&mut [0; 5])?;
        heard(&beginning.lock().unwrap())?;
        stream.write_all(b"220 mail.test ESMTP\r\n")?;
        // What it has not read makes this a reset.
        drop(stream);
        goes.send(()).map_err(io::Error::other)
    });
    let mut wire = Wire::to(trusting(address));
    let channel = wire.channel();
    wire.send(channel, GET);
    wire.until("it shakes hands", |wire| wire.counters().sends == 1);
    begins.send(()).unwrap();
    heard(&gone).unwrap();
    wire.finish();
    assert_eq!(wire.results(), [Err(Failure::TlsProtocol)]);
}

#[test]
fn an_upload_larger_than_the_socket_buffers_arrives_as_it_was() {
    let request = post(24 * 1024 * 1024);
    let (expected, (arrives, arrived)) = (request.clone(), channel());
    let address = serving_tls(configured(rustls::ALL_VERSIONS, &[]), move |mut stream, _| {
        let mut received = vec![0; expected.len()];
        stream.read_exact(&mut received)?;
        arrives.send(received == expected).map_err(io::Error::other)?;
        stream.write_all(OK)?;
        stream.flush()?;
        stream.read(&mut [0; 1]).map(drop)
    });
    let mut wire = Wire::to(trusting(address));
    let channel = wire.channel();
    wire.send(channel, &request);
    assert!(wire.until_told("it arrives", &arrived));
    wire.finish();
    assert_eq!(wire.results(), [Ok(200)]);
    assert!(
        wire.ended[0].1.sent_bytes > request.len() as u64,
        "what was sealed is more"
    );
}

/// How the handshakes of connections went that each carry one request, one after another.
fn handshakes(version: &'static SupportedProtocolVersion, count: usize) -> Vec<HandshakeKind> {
    let (tells, told) = channel();
    let report = move |mut stream: Secure, tells: &Sender<HandshakeKind>| {
        read_head(&mut stream)?;
        tells
            .send(stream.conn.handshake_kind().unwrap())
            .map_err(io::Error::other)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    };
    let address = serving_tls(configured(&[version], &[]), move |stream, _| report(stream, &tells));
    let mut wire = Wire::to(trusting(address));
    let channel = wire.channel();
    assert_eq!(wire.one_by_one(channel, count), vec![Ok(200); count]);
    told.try_iter().collect()
}

#[test]
fn sessions_are_resumed_in_both_versions() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let kinds = handshakes(version, 4);
        assert_eq!(kinds[0], HandshakeKind::Full, "{version:?}");
        assert_eq!(kinds[1..], [HandshakeKind::Resumed; 3], "{version:?}");
    }
}

#[test]
fn no_more_connections_are_opened_at_once_than_may_be() {
    #[derive(Default)]
    struct Seen {
        open: usize,
        most: usize,
        total: usize,
        released: bool,
    }
    let shared = Arc::new((Mutex::new(Seen::default()), Condvar::new()));
    let seen = Arc::clone(&shared);
    // Takes part in no handshake: each connection is being opened until the server lets it go.
    let address = serving(move |mut stream, _| {
        stream.read_exact(&mut [0; 5])?;
        let (seen, changed) = &*seen;
        let mut now = seen.lock().unwrap();
        now.open += 1;
        now.total += 1;
        now.most = now.most.max(now.open);
        let mut now = changed.wait_while(now, |now| !now.released).unwrap();
        now.open -= 1;
        drop(stream);
        Ok(())
    });
    let mut wire = Wire::opening_at_most(trusting(address), 3, Lease::endless());
    for _ in 0..10 {
        let channel = wire.channel();
        wire.send(channel, GET);
    }
    let (seen, changed) = &*shared;
    wire.until("three are being opened", |_| seen.lock().unwrap().open == 3);
    for _ in 0..20 {
        wire.turn();
    }
    assert_eq!(seen.lock().unwrap().total, 3);
    seen.lock().unwrap().released = true;
    changed.notify_all();
    wire.finish();
    assert_eq!(wire.ended.len(), 10);
    assert!(seen.lock().unwrap().most <= 3);
}

#[test]
fn a_response_is_kept_as_it_was_before_it_was_sealed() {
    let config = configured(&[&rustls::version::TLS13, &rustls::version::TLS12], &[]);
    // Several records, and more than one read.
    let body = "x".repeat(100_000);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes();
    let sent = answer.clone();
    let address = serving_tls(config, move |mut stream, _| {
        while !read_head(&mut stream)?.is_empty() {
            stream.write_all(&sent)?;
        }
        Ok(())
    });
    let mut wire = Wire::to(trusting(address));
    let channel = wire.channel();
    for _ in 0..2 {
        assert!(wire.ask(channel, GET) == answer);
    }
}
