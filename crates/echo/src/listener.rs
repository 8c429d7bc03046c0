//! Sockets that are listened on.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::Path;

use apibench_http::sys::Stream;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Connections that may wait to be accepted: as many as the kernel allows.
const BACKLOG: i32 = 4_096;

/// A listening socket.
pub struct Listener {
    socket: Socket,
}

impl Listener {
    /// Listens on `HOST:PORT`; several may share one port, each with connections of its own.
    pub fn tcp(address: &str) -> io::Result<Self> {
        let address = address
            .to_socket_addrs()?
            .next()
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))?;
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM.nonblocking(),
            Some(Protocol::TCP),
        )?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        socket.bind(&SockAddr::from(address))?;
        socket.listen(BACKLOG)?;
        Ok(Self { socket })
    }

    /// Listens on a Unix socket, whose file must not exist.
    pub fn unix(path: &Path) -> io::Result<Self> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        socket.listen(BACKLOG)?;
        Ok(Self { socket })
    }

    /// The same socket once more, for another thread.
    pub fn again(&self) -> io::Result<Self> {
        Ok(Self {
            socket: self.socket.try_clone()?,
        })
    }

    /// For registering.
    pub fn raw(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Where it listens, unless on a Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()?.as_socket()
    }

    /// The next connection, if one waits.
    pub fn accept(&self) -> io::Result<Stream> {
        let (socket, _) = self.socket.accept()?;
        socket.set_nonblocking(true)?;
        // Not on a Unix socket, which has no such thing.
        let _ = socket.set_tcp_nodelay(true);
        Ok(Stream::from(OwnedFd::from(socket)))
    }
}
