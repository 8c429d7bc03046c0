//! What a fake target is, what it sees of a request, and what it does about it.

use crate::failure::Failure;
use crate::transport::{ChannelId, ExchangeId, HostIndex};

/// Who owns the connections to a fake host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Each channel, so many.
    PerChannel(u32),
    /// All channels together, so many.
    Shared(u32),
}

/// A fake host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FakeHost {
    /// Who owns connections, and how many there may be; at least 1.
    pub ownership: Ownership,
    /// Exchanges that one connection carries at once; at least 1. HTTP/1.1 has one, HTTP/2 has many.
    pub streams: u32,
    /// How long a connection takes to open.
    pub opening_ns: u64,
    /// Connections are refused, after `opening_ns`, under this name.
    pub refusal: Option<Failure>,
}

impl FakeHost {
    /// As HTTP/1.1 is used most: a connection for each virtual user, open at once.
    pub const ONE_EACH: Self = Self {
        ownership: Ownership::PerChannel(1),
        streams: 1,
        opening_ns: 0,
        refusal: None,
    };
}

/// A request as the target sees it when its first byte comes.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'a> {
    /// The loop's number for it.
    pub exchange: ExchangeId,
    /// Whose it is.
    pub channel: ChannelId,
    /// Where it came.
    pub host: HostIndex,
    /// On which connection: a number that is never used again.
    pub connection: usize,
    /// How many exchanges the connection had carried before.
    pub served: u64,
    /// All of it.
    pub bytes: &'a [u8],
    /// It was asked to come on a connection that had carried none.
    pub fresh_connection: bool,
    /// When.
    pub started_ns: u64,
}

/// A message before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// The plan's number for its kind.
    pub kind: u8,
    /// When it comes, after the start; not before the one ahead of it.
    pub after_ns: u64,
    /// Its size.
    pub received_bytes: u64,
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Messages before the end, in the order of time.
    pub samples: Vec<Sample>,
    /// The end.
    pub end: End,
    /// Head and body of a complete response, for a loop that wants to look into it.
    pub response: Vec<u8>,
}

impl Reply {
    /// A complete response on a connection that stays.
    #[must_use]
    pub fn response(after_ns: u64, status: u16, head: &str, body: &str) -> Self {
        let response = format!(
            "HTTP/1.1 {status} OK\r\n{head}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Self {
            samples: Vec::new(),
            end: End::answer(after_ns, status),
            response: response.into_bytes(),
        }
    }
}

/// How an exchange ends, after its samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// With a complete response.
    Answer {
        /// After the start.
        after_ns: u64,
        /// HTTP status.
        status: u16,
        /// Size of the response.
        received_bytes: u64,
        /// Where a redirect leads.
        location: Option<Box<str>>,
        /// The connection can carry another.
        keeps: bool,
    },
    /// Without one. The connection is gone. Where it had carried an exchange before and the peer closed or reset
    /// it, the outcome is stale.
    Fail {
        /// After the start.
        after_ns: u64,
        /// Why.
        failure: Failure,
    },
    /// Without one, and stale or not as told, whatever the connection had carried. Transports know cases that this one
    /// does not play: a reset amid a response is not stale on a connection that was used, and a request that HTTP/2
    /// refuses unseen may be sent again even from a fresh one.
    Cut {
        /// After the start.
        after_ns: u64,
        /// Why.
        failure: Failure,
        /// What is told of the connection.
        stale: bool,
    },
    /// Not before the target is told to let go.
    Held,
    /// Never.
    Silence,
}

impl End {
    /// A complete response of 100 bytes on a connection that stays.
    #[must_use]
    pub fn answer(after_ns: u64, status: u16) -> Self {
        Self::Answer {
            after_ns,
            status,
            received_bytes: 100,
            location: None,
            keeps: true,
        }
    }

    /// Whether a failure is the peer closing the connection without a word.
    #[must_use]
    pub fn closes_unanswered(failure: Failure) -> bool {
        matches!(failure, Failure::TcpClosed | Failure::TcpReset)
    }
}

impl From<End> for Reply {
    fn from(end: End) -> Self {
        Self {
            samples: Vec::new(),
            end,
            response: Vec::new(),
        }
    }
}
