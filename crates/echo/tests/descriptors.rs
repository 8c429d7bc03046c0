//! Out of descriptors, a server serves on, and takes whoever waits when somebody has left. Alone in its file: the
//! limit is the whole process's.

mod support;

use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use support::{Client, counted, server};

#[test]
fn who_finds_no_descriptor_waits_and_is_served_when_others_have_left() {
    const CLIENTS: usize = 12;
    const ROOM: u64 = 5;
    let server = server("");
    let address: SocketAddr = server.address().strip_prefix("http://").unwrap().parse().unwrap();
    // The server has all the descriptors of its own by the time that it answers.
    assert_eq!(Client::to(&server).get("/").status(), 200);
    counted(&server, |counts| counts.closed == 1);
    let sockets: Vec<Socket> = (0..CLIENTS)
        .map(|_| Socket::new(Domain::IPV4, Type::STREAM, None).unwrap())
        .collect();
    let highest = sockets.iter().map(AsRawFd::as_raw_fd).max().unwrap();
    let limit = libc::rlimit {
        rlim_cur: u64::from(highest.unsigned_abs()) + 1 + ROOM,
        rlim_max: u64::from(highest.unsigned_abs()) + 1 + ROOM,
    };
    // SAFETY: `limit` lives through the call, which only reads it.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
    let mut clients = Vec::new();
    for socket in sockets {
        // The kernel accepts on the server's behalf, up to its backlog.
        socket.connect(&address.into()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut client = Client::over(TcpStream::from(socket));
        client.send("GET / HTTP/1.1\r\n\r\n");
        clients.push(client);
    }
    let held = counted(&server, |counts| counts.requests == 1 + ROOM).connections;
    assert_eq!(held, 1 + ROOM);
    for mut client in clients {
        assert_eq!(client.answer().body, b"ok\n");
    }
    let all = CLIENTS as u64 + 1;
    let counts = counted(&server, |counts| counts.closed == all);
    assert_eq!((counts.connections, counts.responses[&200]), (all, all));
}
