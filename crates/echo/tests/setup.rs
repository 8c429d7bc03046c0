//! Where a server listens, in which tongue, and what it refuses to be.

mod support;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use apibench_echo::{Config, Freeze, Server};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use support::{Client, Monotonic, counted, started};

/// A path that is nobody else's; removed with it.
struct Path(PathBuf);

impl Path {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("apibench-echo-{}-{name}", std::process::id()));
        drop(std::fs::remove_file(&path));
        Self(path)
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

fn trusting(authority: Option<&Path>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if let Some(authority) = authority {
        roots.add(CertificateDer::from_pem_file(&authority.0).unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

fn tls_client(server: &Server, config: Arc<ClientConfig>) -> Client<StreamOwned<ClientConnection, TcpStream>> {
    let stream = TcpStream::connect(server.address().strip_prefix("https://").unwrap()).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    Client::over(StreamOwned::new(ClientConnection::new(config, name).unwrap(), stream))
}

#[test]
fn tls_is_trusted_with_the_authority_that_it_wrote_and_not_without() {
    let authority = Path::new("ca.pem");
    let server = started(&Config {
        tls: true,
        ca_file: Some(authority.0.clone()),
        ..Config::default()
    });
    let config = trusting(Some(&authority));
    for resumed in 0..3 {
        let mut client = tls_client(&server, Arc::clone(&config));
        assert_eq!(client.get("/").body, b"ok\n");
        assert_eq!(client.get("/?size=3m&chunked=1").body.len(), 3 << 20);
        assert_eq!(client.get("/?delay=10ms").body, b"ok\n");
        let large = "z".repeat(1_000_000);
        assert_eq!(client.post("/?echo=1", &large).body, large.as_bytes());
        // The end of a body that ends with the connection is said in TLS too.
        assert_eq!(client.get("/?until_close=1").body, b"ok\n");
        let counts = counted(&server, |counts| counts.closed == resumed + 1);
        assert_eq!((counts.handshakes, counts.resumed), (resumed + 1, resumed));
    }
    let mut client = tls_client(&server, Arc::clone(&config));
    client.send("GET /?truncate=1&size=10 HTTP/1.1\r\n\r\n");
    client.head();
    assert!(client.rest().is_err(), "a cut without a farewell");

    let mut stranger = tls_client(&server, trusting(None));
    assert!(stranger.stream.write_all(b"GET / HTTP/1.1\r\n\r\n").is_err());
    drop(stranger);
    let counts = counted(&server, |counts| counts.closed == 5);
    assert_eq!((counts.handshakes, counts.requests), (4, 16));
}

#[test]
fn a_unix_socket_serves_and_goes_with_its_server() {
    let path = Path::new("socket");
    let config = Config {
        unix: Some(path.0.clone()),
        ..Config::default()
    };
    let server = started(&config);
    assert_eq!(server.address(), format!("unix:{}", path.0.display()));
    let mut client = Client::over(UnixStream::connect(&path.0).unwrap());
    assert_eq!(client.get("/?size=1m").body.len(), 1 << 20);
    assert_eq!(Server::start(&config, &Monotonic).err().unwrap().name, "listen");
    assert_eq!(client.get("/").body, b"ok\n");
    // What a client says last is heard even if it leaves with it.
    client.send("GET /last HTTP/1.1\r\n\r\n");
    drop(client);
    counted(&server, |counts| {
        counts.by_path.contains_key("/last") && counts.closed == 1
    });
    server.stop();
    assert!(!path.0.exists());
}

#[test]
fn a_name_is_listened_on_at_each_of_its_addresses_and_at_one_port() {
    let server = started(&Config {
        http: "localhost:0".to_owned(),
        ..Config::default()
    });
    let port = |address: &str| address.rsplit_once(':').unwrap().1.to_owned();
    let addresses = server.addresses();
    assert!(addresses.iter().all(|address| port(address) == port(&addresses[0])));
    for address in addresses {
        let stream = TcpStream::connect(address.strip_prefix("http://").unwrap()).unwrap();
        assert_eq!(Client::over(stream).get("/").body, b"ok\n");
    }
}

#[test]
fn ipv6_serves_where_the_machine_has_it() {
    if TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let server = started(&Config {
        http: "[::1]:0".to_owned(),
        ..Config::default()
    });
    assert!(server.address().starts_with("http://[::1]:"));
    assert_eq!(Client::to(&server).get("/").body, b"ok\n");
}

#[test]
fn a_setup_that_cannot_be_is_refused_by_name_and_with_a_remedy() {
    let taken = started(&Config::default());
    let port = taken.address().strip_prefix("http://").unwrap().to_owned();
    let freeze = |every_ns, for_ns| Some(Freeze { every_ns, for_ns });
    let plain = Config::default;
    for (name, config) in [
        ("config.threads", Config { threads: 0, ..plain() }),
        (
            "config.threads",
            Config {
                threads: 1_000,
                ..plain()
            },
        ),
        (
            "config.serve",
            Config {
                threads: 2,
                serve_ns: 1,
                ..plain()
            },
        ),
        (
            "config.freeze",
            Config {
                freeze: freeze(5, 5),
                ..plain()
            },
        ),
        (
            "config.freeze",
            Config {
                freeze: freeze(5, 0),
                ..plain()
            },
        ),
        (
            "config.knobs",
            Config {
                knobs: "delay=soon".to_owned(),
                ..plain()
            },
        ),
        (
            "config.ca_file",
            Config {
                ca_file: Some("/tmp/x".into()),
                ..plain()
            },
        ),
        (
            "config.ca_file",
            Config {
                tls: true,
                ca_file: Some("/nowhere/x".into()),
                ..plain()
            },
        ),
        (
            "listen",
            Config {
                http: "no port".to_owned(),
                ..plain()
            },
        ),
        ("listen", Config { http: port, ..plain() }),
        (
            "listen",
            Config {
                unix: Some("/nowhere/x".into()),
                ..plain()
            },
        ),
        (
            "log",
            Config {
                log: Some("/nowhere/x".into()),
                ..plain()
            },
        ),
    ] {
        let error = Server::start(&config, &Monotonic).err().unwrap();
        assert_eq!(error.name, name, "{error}");
        assert!(error.to_string().ends_with(error.remedy) && !error.remedy.is_empty());
    }
}

#[test]
fn the_configuration_is_read_from_json_and_unknown_words_are_refused() {
    let config: Config = serde_json::from_str(r#"{"threads":2,"freeze":{"every_ns":9,"for_ns":1}}"#).unwrap();
    assert_eq!(
        (config.threads, config.freeze),
        (2, Some(Freeze { every_ns: 9, for_ns: 1 }))
    );
    assert!(serde_json::from_str::<Config>(r#"{"thread":2}"#).is_err());
}

#[test]
fn a_stopped_server_has_closed_everything_and_its_port_is_free() {
    let server = started(&Config {
        threads: 2,
        ..Config::default()
    });
    let mut clients: Vec<_> = (0..4).map(|_| Client::to(&server)).collect();
    for client in &mut clients {
        client.get("/");
        client.send("GET /?delay=3600s HTTP/1.1\r\n\r\n");
    }
    server.stop();
    assert!(TcpStream::connect(server.address().strip_prefix("http://").unwrap()).is_err());
    server.stop();
    assert_eq!(server.counts().responses[&200], 4);
}
