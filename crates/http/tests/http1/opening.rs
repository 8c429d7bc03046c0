//! Connections on their way to being open.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::channel;

use apibench_core::failure::Failure;
use apibench_core::lease::Lease;
use apibench_http::host::{Connections, HostProfile, Timeouts};
use apibench_http::sys::Address;
use apibench_http::tls::{TlsProfile, Trust};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::wire::{GET, OK, Wire, heard, host, post, read_head, serving};

/// A Unix socket on which at most two connections wait to be accepted, and two that do.
fn full_backlog(name: &str) -> (PathBuf, UnixListener, Vec<UnixStream>) {
    let path = std::env::temp_dir().join(format!("apibench-{name}-{}", std::process::id()));
    drop(std::fs::remove_file(&path));
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    socket.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    socket.listen(1).unwrap();
    let waiting = (0..2).map(|_| UnixStream::connect(&path).unwrap()).collect();
    (path, UnixListener::from(std::os::fd::OwnedFd::from(socket)), waiting)
}

fn at(path: &std::path::Path) -> HostProfile {
    HostProfile {
        addresses: vec![Address::Unix(path.to_path_buf())],
        ..host(([127, 0, 0, 1], 1).into())
    }
}

#[test]
fn a_unix_socket_with_a_full_backlog_is_tried_again() {
    let (path, listener, waiting) = full_backlog("full");
    let mut wire = Wire::to(at(&path));
    for _ in 0..5 {
        let channel = wire.channel();
        wire.send(channel, GET);
    }
    for _ in 0..5 {
        wire.turn();
    }
    assert_eq!((wire.results(), wire.counters().connections_opened), (vec![], 0));
    drop(waiting);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || {
                let mut stream = stream?;
                while !read_head(&mut stream)?.is_empty() {
                    stream.write_all(OK)?;
                }
                std::io::Result::Ok(())
            });
        }
    });
    wire.finish();
    assert_eq!(wire.results(), [Ok(200); 5]);
    assert_eq!(wire.counters().connections_opened, 5);
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_backlog_that_stays_full_runs_into_the_connect_timeout() {
    let (path, _listener, _waiting) = full_backlog("stays-full");
    let mut wire = Wire::to(HostProfile {
        timeouts: Timeouts {
            connect_ns: 30_000_000,
            ..Timeouts::NONE
        },
        ..at(&path)
    });
    for _ in 0..3 {
        let channel = wire.channel();
        wire.send(channel, GET);
    }
    wire.finish();
    assert_eq!(wire.results(), [Err(Failure::TimeoutConnect); 3]);
    let counters = wire.counters();
    assert_eq!((counters.connections_opened, counters.closed_by_us), (3, 3));
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn an_end_that_came_with_the_connection_is_seen() {
    // The server has sent its end before the client looks: there is no second edge to tell it.
    let (ends, ended) = channel();
    let address = serving(move |mut stream, _| {
        stream.shutdown(Shutdown::Write)?;
        ends.send(()).map_err(std::io::Error::other)?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    });
    let mut wire = Wire::to(host(address));
    let channel = wire.channel();
    wire.send(channel, GET);
    heard(&ended).unwrap();
    wire.finish();
    assert_eq!(wire.results(), [Err(Failure::TcpClosed)]);
    assert!(!wire.ended[0].1.stale);
}

#[test]
fn a_head_and_its_body_go_out_in_one_send() {
    let (arrives, arrived) = channel();
    let address = serving(move |mut stream, _| {
        let mut buffer = vec![0; 65_536];
        let length = stream.read(&mut buffer)?;
        arrives.send(length).map_err(std::io::Error::other)?;
        stream.write_all(OK)
    });
    let mut wire = Wire::to(host(address));
    let channel = wire.channel();
    let request = post(8_192);
    wire.send(channel, &request);
    wire.finish();
    assert_eq!(heard(&arrived).unwrap(), request.len());
    assert_eq!(wire.counters().sends, 1);
}

#[test]
fn an_exchange_that_a_lease_kept_from_going_out_never_times_out() {
    let address = serving(|mut stream, _| {
        while !read_head(&mut stream)?.is_empty() {
            stream.write_all(OK)?;
        }
        Ok(())
    });
    let lease = Lease::until(300_000_000);
    let timed = HostProfile {
        timeouts: Timeouts {
            total_ns: 400_000_000,
            ..Timeouts::NONE
        },
        ..host(address)
    };
    let mut wire = Wire::opening_at_most(timed, 100, lease);
    let channel = wire.channel();
    assert_eq!(wire.one_by_one(channel, 1), [Ok(200)]);
    wire.until("the lease runs out", |wire| wire.now_ns() >= 300_000_000);
    wire.send(channel, GET);
    wire.until("more than the timeout", |wire| wire.now_ns() >= 500_000_000);
    assert_eq!((wire.started.len(), wire.results()), (1, vec![Ok(200)]));
}

#[test]
fn who_waited_in_line_is_told_so_though_the_opening_that_followed_timed_out() {
    // A server that never shakes hands, one connection for two, and 20 ms for each opening.
    let address = serving(|mut stream, _| stream.read_to_end(&mut Vec::new()).map(drop));
    let mut profile = HostProfile {
        connections: Connections::Shared(1),
        tls: Some(TlsProfile::new(&Trust::Anybody, "localhost").unwrap()),
        ..host(address)
    };
    profile.timeouts.connect_ns = 20_000_000;
    let mut wire = Wire::to(profile);
    let channels = [wire.channel(), wire.channel()];
    let ids = channels.map(|channel| wire.send(channel, GET));
    wire.finish();
    assert_eq!(wire.results(), [Err(Failure::TimeoutConnect); 2]);
    let ended = ids.map(|id| {
        wire.ended
            .iter()
            .find(|(ended, _)| *ended == id)
            .map(|(_, outcome)| outcome)
            .unwrap()
    });
    assert_eq!(ended[0].waited_ns, 0, "its opening began at once");
    assert!(ended[1].waited_ns >= 20_000_000, "and the other's when that had failed");
    assert!(ended[1].ended_ns - ended[0].ended_ns >= 20_000_000);
}
