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
    /// Listens on `HOST:PORT`, at every address that the host has, all on the same port.
    pub fn tcp(address: &str) -> io::Result<Vec<Self>> {
        let mut listeners: Vec<Self> = Vec::new();
        let mut refused = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for mut address in address.to_socket_addrs()? {
            if address.port() == 0
                && let Some(first) = listeners.first().and_then(Self::address)
            {
                address.set_port(first.port());
            }
            if listeners.iter().any(|listener| listener.address() == Some(address)) {
                continue;
            }
            match Self::at(address) {
                Ok(listener) => listeners.push(listener),
                // A name may have an address of a family that this machine does not have.
                Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => refused = error,
                Err(error) => return Err(error),
            }
        }
        if listeners.is_empty() {
            Err(refused)
        } else {
            Ok(listeners)
        }
    }

    /// Not with SO_REUSEPORT: a second server on the same port would start without a word and take half of the
    /// connections.
    fn at(address: SocketAddr) -> io::Result<Self> {
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
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
