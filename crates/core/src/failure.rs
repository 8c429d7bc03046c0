//! The one name under which a request fails.
//!
//! Names are short and stable: the same string stands in the terminal, the result document, metrics and
//! the documentation. A request has exactly one, decided when it ended; `by_error` sums to `failed`.

macro_rules! failures {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Why a request failed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Failure { $($(#[$doc])* $variant,)* }

        impl Failure {
            /// Every failure, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name, as results show it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

failures! {
    /// The host's name has no address.
    DnsNotFound = "dns.not_found",
    /// Nothing listens on the address.
    TcpRefused = "tcp.refused",
    /// The peer reset the connection.
    TcpReset = "tcp.reset",
    /// No route to the address.
    TcpUnreachable = "tcp.unreachable",
    /// The peer closed the connection before its response was complete.
    TcpClosed = "tcp.closed",
    /// The connection was not established within the connect timeout.
    TimeoutConnect = "timeout.connect",
    /// No byte of the response came within the first-byte timeout.
    TimeoutFirstByte = "timeout.first_byte",
    /// The response fell silent for longer than the idle timeout.
    TimeoutIdle = "timeout.idle",
    /// The response was not complete within the timeout.
    Timeout = "timeout",
    /// The certificate was not issued by anybody whom we trust.
    TlsUntrusted = "tls.untrusted",
    /// The certificate has expired or is not valid yet.
    TlsExpired = "tls.expired",
    /// The certificate is for another name.
    TlsWrongName = "tls.wrong_name",
    /// Another failure of the handshake or of the TLS protocol.
    TlsProtocol = "tls.protocol",
    /// The peer agreed to another protocol than was asked for.
    TlsAlpn = "tls.alpn",
    /// This process has no file descriptors left. Our fault.
    LocalDescriptors = "local.descriptors",
    /// This host has no local ports left towards the address. Our fault.
    LocalPorts = "local.ports",
    /// Another failure of a local system call. Our fault.
    LocalSystem = "local.system",
    /// The response broke the rules of HTTP.
    HttpProtocol = "http.protocol",
    /// Status 400 to 499, where nothing else was expected.
    Http4xx = "http.4xx",
    /// Status 500 to 599, where nothing else was expected.
    Http5xx = "http.5xx",
    /// A complete response that is not what the step expects.
    ExpectFailed = "expect.failed",
    /// The address is one that may not be connected to.
    TargetDenied = "target.denied",
    /// More redirects than were allowed.
    RedirectLimit = "http.redirects",
    /// A redirect to another origin, which the plan does not name, or to nowhere.
    RedirectElsewhere = "http.redirect_elsewhere",
}

impl Failure {
    /// How many there are; recorders count in an array of this length.
    pub const COUNT: usize = Self::ALL.len();

    /// Whether the request's true time is unknown but at least its age: such a request stays in the
    /// headline distribution as a lower bound.
    #[must_use]
    pub fn is_censored(self) -> bool {
        matches!(
            self,
            Self::Timeout | Self::TimeoutConnect | Self::TimeoutFirstByte | Self::TimeoutIdle
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_name_of_its_own_and_its_number_is_its_place() {
        let mut names: Vec<_> = Failure::ALL.iter().map(|failure| failure.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Failure::COUNT);
        assert!(
            Failure::ALL
                .iter()
                .enumerate()
                .all(|(place, failure)| *failure as usize == place)
        );
    }
}
