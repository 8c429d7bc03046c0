//! The few system calls of the hot path, each behind a safe function.
//!
//! Raw calls rather than mio or tokio: both round timeouts up to a millisecond and register sockets for
//! readiness again and again; what is measured here is in microseconds, and a request may cost two calls.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::path::Path;

use apibench_core::failure::Failure;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Readable, writable, the peer's end of stream: registered once, told on every edge.
const INTEREST: u32 = (libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET) as u32;

/// The peer sent something or its end of stream, or the socket failed.
pub const READABLE: u32 = (libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32;
/// There is room to send, or the socket failed.
pub const WRITABLE: u32 = (libc::EPOLLOUT | libc::EPOLLHUP | libc::EPOLLERR) as u32;
/// The peer will send no more: beyond what is buffered there is an end of stream or an error to read.
pub const FINISHED: u32 = (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32;

/// One socket that became ready.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Ready(libc::epoll_event);

impl Ready {
    /// Nothing; fills the array that a wait writes into.
    pub const NONE: Self = Self(libc::epoll_event { events: 0, u64: 0 });

    /// What the socket was registered with.
    pub fn token(self) -> u64 {
        self.0.u64
    }

    /// Which of [`READABLE`], [`WRITABLE`], [`FINISHED`] it is.
    pub fn is(self, what: u32) -> bool {
        self.0.events & what != 0
    }
}

/// An epoll instance.
pub struct Epoll {
    descriptor: OwnedFd,
    /// Since 5.11; without it the timeout has to be rounded up to a millisecond.
    has_nanosecond_wait: bool,
}

impl Epoll {
    /// # Errors
    /// What `epoll_create1` says: no descriptors or no memory left.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the result is checked before it becomes an owned descriptor.
        let descriptor = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a descriptor that the call above just made and nobody else holds.
        let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
        let mut epoll = Self {
            descriptor,
            has_nanosecond_wait: true,
        };
        if let Err(error) = epoll.wait(&mut [Ready::NONE], 0) {
            match error.raw_os_error() {
                // Old kernels and old container profiles.
                Some(libc::ENOSYS | libc::EPERM) => epoll.has_nanosecond_wait = false,
                _ => return Err(error),
            }
        }
        Ok(epoll)
    }

    /// Registers a socket, once and for all edges.
    ///
    /// # Errors
    /// What `epoll_ctl` says.
    pub fn add(&self, socket: RawFd, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: INTEREST,
            u64: token,
        };
        // SAFETY: `event` lives through the call, which only reads it.
        let result =
            unsafe { libc::epoll_ctl(self.descriptor.as_raw_fd(), libc::EPOLL_CTL_ADD, socket, &raw mut event) };
        if result < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    /// Waits at most `timeout_ns` and returns how many of `ready` were filled. An interrupted wait is one
    /// that found nothing.
    ///
    /// # Errors
    /// What the call says, `EINTR` apart.
    pub fn wait(&self, ready: &mut [Ready], timeout_ns: u64) -> io::Result<usize> {
        let capacity = i32::try_from(ready.len()).unwrap_or(i32::MAX);
        let events = ready.as_mut_ptr().cast::<libc::epoll_event>();
        let count = if self.has_nanosecond_wait {
            let timeout = libc::timespec {
                tv_sec: (timeout_ns / 1_000_000_000).cast_signed(),
                tv_nsec: (timeout_ns % 1_000_000_000).cast_signed(),
            };
            // SAFETY: `ready` is `capacity` events long (`Ready` is transparent), `timeout` lives through the
            // call, and no signal mask is given.
            unsafe {
                libc::syscall(
                    libc::SYS_epoll_pwait2,
                    self.descriptor.as_raw_fd(),
                    events,
                    capacity,
                    &raw const timeout,
                    std::ptr::null::<libc::sigset_t>(),
                    size_of::<libc::sigset_t>(),
                )
            }
        } else {
            let timeout_ms = i32::try_from(timeout_ns.div_ceil(1_000_000)).unwrap_or(i32::MAX);
            // SAFETY: `ready` is `capacity` events long (`Ready` is transparent).
            i64::from(unsafe { libc::epoll_wait(self.descriptor.as_raw_fd(), events, capacity, timeout_ms) })
        };
        if count < 0 {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted {
                Ok(0)
            } else {
                Err(error)
            };
        }
        Ok(usize::try_from(count).unwrap_or(0))
    }
}

/// Where a connection goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(std::path::PathBuf),
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => write!(formatter, "{address}"),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

/// A connected or connecting socket. Closes when dropped.
#[derive(Debug)]
pub struct Stream {
    descriptor: OwnedFd,
}

impl From<OwnedFd> for Stream {
    /// A socket that somebody else has made; it must not block.
    fn from(descriptor: OwnedFd) -> Self {
        Self { descriptor }
    }
}

impl Stream {
    /// Has the peer see a reset when this is dropped.
    pub fn reset_on_close(&self) {
        // On a socket that has no such thing the drop closes it, which is as near as it gets.
        let _ = socket2::SockRef::from(&self.descriptor).set_linger(Some(std::time::Duration::ZERO));
    }

    /// Begins to connect, without waiting. The socket becomes writable when it is connected or has failed.
    ///
    /// # Errors
    /// What `socket` or `connect` say at once: no descriptors (`EMFILE`), no local ports (`EADDRNOTAVAIL`),
    /// and over Unix sockets also that nobody listens.
    pub fn connect(address: &Address) -> io::Result<Self> {
        let (socket, address) = match address {
            Address::Tcp(address) => {
                let socket = Socket::new(
                    Domain::for_address(*address),
                    Type::STREAM.nonblocking(),
                    Some(Protocol::TCP),
                )?;
                // A small request must not wait for the acknowledgement of the one before.
                socket.set_tcp_nodelay(true)?;
                (socket, SockAddr::from(*address))
            }
            Address::Unix(path) => {
                let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
                (socket, SockAddr::unix(Path::new(path))?)
            }
        };
        match socket.connect(&address) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) => return Err(error),
        }
        // SAFETY: `into_raw_fd` gives up the only owner.
        let descriptor = unsafe { OwnedFd::from_raw_fd(socket.into_raw_fd()) };
        Ok(Self { descriptor })
    }

    /// The raw descriptor, for registering.
    pub fn raw(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }

    /// How the connecting went: `None` while it still goes on, else connected or failed.
    pub fn connected(&self) -> Option<io::Result<()>> {
        let socket = socket2::SockRef::from(&self.descriptor);
        match socket.take_error() {
            Err(error) | Ok(Some(error)) => Some(Err(error)),
            Ok(None) => match socket.peer_addr() {
                // Nobody listens there, and the kernel gave us that very port: we have met ourselves.
                Ok(peer) if socket.local_addr().is_ok_and(|own| own == peer) => {
                    Some(Err(io::Error::from_raw_os_error(libc::ECONNREFUSED)))
                }
                Ok(_) => Some(Ok(())),
                Err(error) if error.raw_os_error() == Some(libc::ENOTCONN) => None,
                Err(error) => Some(Err(error)),
            },
        }
    }

    /// Sends what fits.
    ///
    /// # Errors
    /// `WouldBlock` if nothing fits, else what became of the connection. Never raises `SIGPIPE`.
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        // SAFETY: the pointer and the length are of one live slice, which the call only reads; no address is given.
        let sent = unsafe {
            libc::syscall(
                libc::SYS_sendto,
                self.raw(),
                bytes.as_ptr(),
                bytes.len(),
                libc::MSG_NOSIGNAL,
                std::ptr::null::<libc::sockaddr>(),
                0,
            )
        };
        length_or_error(sent)
    }

    /// Receives what is there, up to the length of `buffer`; 0 is the end of the stream.
    ///
    /// # Errors
    /// `WouldBlock` if nothing is there, else what became of the connection.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (pointer, length) = (buffer.as_mut_ptr(), buffer.len());
        // SAFETY: the pointer and the length are of one live, exclusive slice; no address is asked for.
        let received = unsafe { receive_from(self.raw(), pointer, length, 0) };
        length_or_error(received)
    }

    /// Has the kernel drop up to `length` received bytes without copying them out (tcp(7), `MSG_TRUNC`).
    /// Only for TCP: on other sockets the flag means something else.
    ///
    /// # Errors
    /// As [`Self::receive`].
    pub fn discard(&self, length: usize) -> io::Result<usize> {
        // SAFETY: with MSG_TRUNC on TCP nothing is written through the pointer, which may be null.
        let dropped = unsafe { receive_from(self.raw(), std::ptr::null_mut(), length, libc::MSG_TRUNC) };
        length_or_error(dropped)
    }
}

/// `recv`, without libc's wrapper: that is a cancellation point, which costs a hundred instructions in a process
/// of several threads.
///
/// # Safety
/// As `recv`: `pointer` must be valid for writing `length` bytes, unless `flags` say that nothing is written.
unsafe fn receive_from(socket: RawFd, pointer: *mut u8, length: usize, flags: libc::c_int) -> libc::c_long {
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: the caller's promise; no address is asked for.
    unsafe { libc::syscall(libc::SYS_recvfrom, socket, pointer, length, flags, none, none) }
}

fn length_or_error(result: libc::c_long) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// The name under which a system call's error is counted.
#[must_use]
pub fn failure_of(error: &io::Error) -> Failure {
    match error.raw_os_error() {
        Some(libc::ECONNREFUSED | libc::ENOENT) => Failure::TcpRefused,
        Some(libc::ECONNRESET | libc::EPIPE | libc::ECONNABORTED) => Failure::TcpReset,
        Some(libc::EHOSTUNREACH | libc::ENETUNREACH | libc::EHOSTDOWN | libc::ENETDOWN) => Failure::TcpUnreachable,
        Some(libc::ETIMEDOUT) => Failure::TimeoutConnect,
        Some(libc::EMFILE | libc::ENFILE) => Failure::LocalDescriptors,
        Some(libc::EADDRNOTAVAIL | libc::EADDRINUSE) => Failure::LocalPorts,
        _ => Failure::LocalSystem,
    }
}

/// The same of a connection that was open: no answer within the kernel's patience is no matter of connecting.
#[must_use]
pub fn failure_of_open(error: &io::Error) -> Failure {
    match error.raw_os_error() {
        Some(libc::ETIMEDOUT) => Failure::Timeout,
        _ => failure_of(error),
    }
}

/// Has this thread's timers fire to the nanosecond rather than up to 50 µs late.
pub fn sharpen_timers() {
    // SAFETY: takes a number, changes only this thread.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1_u64, 0, 0, 0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_requests_wait_for_no_acknowledgement() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = Stream::connect(&Address::Tcp(listener.local_addr().unwrap())).unwrap();
        assert!(socket2::SockRef::from(&stream.descriptor).tcp_nodelay().unwrap());
    }

    #[test]
    fn who_meets_himself_has_been_refused() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket
            .bind(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 0))))
            .unwrap();
        socket.connect(&socket.local_addr().unwrap()).unwrap();
        let met = Stream::from(OwnedFd::from(socket)).connected().unwrap();
        assert_eq!(failure_of(&met.unwrap_err()), Failure::TcpRefused);
    }

    #[test]
    fn the_kernels_patience_has_a_name_by_what_it_waited_for() {
        let error = io::Error::from_raw_os_error(libc::ETIMEDOUT);
        assert_eq!(failure_of(&error), Failure::TimeoutConnect);
        assert_eq!(failure_of_open(&error), Failure::Timeout);
        assert_eq!(
            failure_of_open(&io::Error::from_raw_os_error(libc::ECONNRESET)),
            Failure::TcpReset
        );
    }
}
