//! What a server can get wrong on an HTTP/1.1 connection, each under one stable name.
//!
//! The names end in results, beside the error `http.protocol`, so they never change; the
//! sentences are for people and may. Every violation ends the connection: after a framing
//! fault nobody knows where the next response begins.

use std::fmt;

/// A transfer coding that is refused: only `chunked`, alone and once, can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// `gzip` or `x-gzip`.
    Gzip,
    /// `deflate`.
    Deflate,
    /// `compress` or `x-compress`.
    Compress,
    /// `identity`, which RFC 7230 took out of HTTP.
    Identity,
    /// `chunked` more than once: some servers frame a body twice.
    ChunkedTwice,
    /// Any other, an empty one, or `chunked` with parameters.
    Unknown,
}

/// A breach of HTTP/1.1 by the server. `Copy`, so that reporting one allocates nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Violation {
    /// The first line does not begin with `HTTP/`.
    NotHttp,
    /// A version other than HTTP/1.0 and HTTP/1.1.
    Version,
    /// No three-digit status from 100 to 999, or a control character in the reason.
    StatusLine,
    /// 101, which nobody asked for.
    SwitchingProtocols,
    /// The head, with all interim heads before it, is longer than 65,536 bytes.
    HeadTooLarge,
    /// A line that begins with a space or a tab (obsolete line folding).
    FoldedField,
    /// An empty field name, one with a forbidden character, or a line without a colon.
    FieldName,
    /// A control character in a field value.
    FieldValue,
    /// `Content-Length` is not a number (or a list of numbers).
    ContentLength,
    /// `Content-Length` does not fit in 64 bits.
    ContentLengthTooLarge,
    /// Two different values of `Content-Length`.
    ContentLengthDiffers,
    /// `Content-Length` together with `Transfer-Encoding`: the way to smuggle responses.
    ContentLengthWithTransferEncoding,
    /// `Transfer-Encoding` in an HTTP/1.0 response, where it has no meaning.
    TransferEncodingInHttp10,
    /// A transfer coding that is not decoded.
    TransferCoding(Coding),
    /// The chunk size is not 1 to 16 hexadecimal digits, or its line does not end in CR LF.
    ChunkSize,
    /// A chunk-size line, with its extensions, longer than 4,096 bytes.
    ChunkLineTooLong,
    /// The data of a chunk is not followed by CR LF.
    ChunkEnd,
    /// The trailers are longer than 65,536 bytes.
    TrailersTooLarge,
    /// The connection ended within a response.
    Truncated,
    /// The connection ended before the first byte of a response.
    ClosedBeforeResponse,
}

impl Violation {
    /// Every violation: for tables in the documentation, and tests over all of them.
    pub const ALL: [Self; 25] = [
        Self::NotHttp,
        Self::Version,
        Self::StatusLine,
        Self::SwitchingProtocols,
        Self::HeadTooLarge,
        Self::FoldedField,
        Self::FieldName,
        Self::FieldValue,
        Self::ContentLength,
        Self::ContentLengthTooLarge,
        Self::ContentLengthDiffers,
        Self::ContentLengthWithTransferEncoding,
        Self::TransferEncodingInHttp10,
        Self::TransferCoding(Coding::Gzip),
        Self::TransferCoding(Coding::Deflate),
        Self::TransferCoding(Coding::Compress),
        Self::TransferCoding(Coding::Identity),
        Self::TransferCoding(Coding::ChunkedTwice),
        Self::TransferCoding(Coding::Unknown),
        Self::ChunkSize,
        Self::ChunkLineTooLong,
        Self::ChunkEnd,
        Self::TrailersTooLarge,
        Self::Truncated,
        Self::ClosedBeforeResponse,
    ];

    /// The stable short name, lower case with underscores.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.texts().0
    }

    /// One sentence for people, without a full stop.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        self.texts().1
    }

    // One table, so that a name can't lose its sentence.
    const fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::NotHttp => ("not_http", "the server's answer does not begin with HTTP/"),
            Self::Version => (
                "version",
                "the server answered in a version that is neither HTTP/1.0 nor HTTP/1.1",
            ),
            Self::StatusLine => (
                "status_line",
                "the status line has no valid three-digit status or holds a control character",
            ),
            Self::SwitchingProtocols => (
                "switching_protocols",
                "the server switched protocols (101) though nobody asked it to",
            ),
            Self::HeadTooLarge => ("head_too_large", "the response head is longer than 64 KiB"),
            Self::FoldedField => (
                "folded_field",
                "a header line begins with white space (obsolete line folding)",
            ),
            Self::FieldName => (
                "field_name",
                "a header name is empty, holds a forbidden character or is not followed by a colon",
            ),
            Self::FieldValue => ("field_value", "a header value holds a control character"),
            Self::ContentLength => ("content_length", "Content-Length is not a number"),
            Self::ContentLengthTooLarge => ("content_length_too_large", "Content-Length does not fit in 64 bits"),
            Self::ContentLengthDiffers => (
                "content_length_differs",
                "the response has two different values of Content-Length",
            ),
            Self::ContentLengthWithTransferEncoding => (
                "content_length_with_transfer_encoding",
                "the response has both Content-Length and Transfer-Encoding",
            ),
            Self::TransferEncodingInHttp10 => (
                "transfer_encoding_in_http_1_0",
                "an HTTP/1.0 response has Transfer-Encoding, which HTTP/1.0 does not know",
            ),
            Self::TransferCoding(coding) => match coding {
                Coding::Gzip => (
                    "transfer_coding_gzip",
                    "the transfer coding gzip is not supported (only chunked is)",
                ),
                Coding::Deflate => (
                    "transfer_coding_deflate",
                    "the transfer coding deflate is not supported (only chunked is)",
                ),
                Coding::Compress => (
                    "transfer_coding_compress",
                    "the transfer coding compress is not supported (only chunked is)",
                ),
                Coding::Identity => (
                    "transfer_coding_identity",
                    "the transfer coding identity is not supported (only chunked is)",
                ),
                Coding::ChunkedTwice => (
                    "transfer_coding_chunked_twice",
                    "the response names the transfer coding chunked more than once",
                ),
                Coding::Unknown => (
                    "transfer_coding_unknown",
                    "the response has an unknown transfer coding (only chunked is supported)",
                ),
            },
            Self::ChunkSize => (
                "chunk_size",
                "a chunk size is not a hexadecimal number or its line does not end in CR LF",
            ),
            Self::ChunkLineTooLong => (
                "chunk_line_too_long",
                "a chunk-size line with its extensions is longer than 4 KiB",
            ),
            Self::ChunkEnd => ("chunk_end", "the data of a chunk is not followed by CR LF"),
            Self::TrailersTooLarge => ("trailers_too_large", "the trailers are longer than 64 KiB"),
            Self::Truncated => ("truncated", "the connection ended before the response was complete"),
            Self::ClosedBeforeResponse => (
                "closed_before_response",
                "the connection ended before any byte of the response",
            ),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.sentence())
    }
}

impl std::error::Error for Violation {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_distinct_and_fit_for_a_result_document() {
        let names: HashSet<_> = Violation::ALL.iter().map(|violation| violation.name()).collect();
        assert_eq!(names.len(), Violation::ALL.len());
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        assert!(names.iter().all(|name| name.bytes().all(fits)), "{names:?}");
    }

    #[test]
    fn a_violation_is_two_bytes_at_most() {
        assert!(size_of::<Violation>() <= 2);
    }
}
