//! What has come of a response that somebody wants to look into.

use apibench_core::transport::{KEPT_RESPONSE_BYTES, KeptResponse};

/// The bytes of a response, as many as are kept of any.
#[derive(Debug, Default)]
pub struct Kept {
    bytes: Vec<u8>,
    /// More came than is kept.
    cut: bool,
}

impl Kept {
    /// Of another response.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.cut = false;
    }

    /// Some more have come.
    pub fn add(&mut self, bytes: &[u8]) {
        let room = KEPT_RESPONSE_BYTES.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.cut |= bytes.len() > room;
    }

    /// The response is whole with its last bytes: it goes into `whole`. See [`KeptResponse::plain_body_at`].
    pub fn complete(&mut self, bytes: &[u8], plain_body_at: Option<usize>, whole: &mut Whole) {
        if self.bytes.is_empty() {
            // It costs no memory of the connection's own.
            whole.kept.clear();
            whole.kept.add(bytes);
        } else {
            self.add(bytes);
            whole.kept = std::mem::take(self);
        }
        whole.received = 0;
        whole.plain_body_at = plain_body_at;
    }

    /// The same with the first `length` bytes of the buffer that they were received into.
    #[inline]
    pub fn complete_received(&mut self, buffer: &[u8], length: usize, plain_body_at: Option<usize>, whole: &mut Whole) {
        if self.bytes.is_empty() && length <= KEPT_RESPONSE_BYTES {
            // In one piece, as nearly all come: it is looked into where it lies.
            whole.received = length;
            whole.plain_body_at = plain_body_at;
        } else {
            self.complete(&buffer[..length], plain_body_at, whole);
        }
    }
}

/// The response that was whole last.
#[derive(Debug, Default)]
pub struct Whole {
    kept: Kept,
    /// So many bytes of it lie at the beginning of the buffer that they were received into, and none in `kept`, unless it is 0.
    received: usize,
    plain_body_at: Option<usize>,
}

impl Whole {
    /// As it is looked into; it may lie in `buffer`.
    #[inline]
    pub fn response<'r>(&'r self, buffer: &'r [u8]) -> KeptResponse<'r> {
        let (bytes, cut) = match self.received {
            0 => (&self.kept.bytes[..], self.kept.cut),
            length => (&buffer[..length], false),
        };
        KeptResponse {
            bytes,
            cut,
            plain_body_at: self.plain_body_at,
        }
    }

    /// Takes it out of the buffer, into which something else is received.
    pub fn leave(&mut self, buffer: &[u8]) {
        let length = std::mem::take(&mut self.received);
        if length > 0 {
            self.kept.clear();
            self.kept.add(&buffer[..length]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_what_it_was_wherever_it_lies() {
        let buffer = *b"HTTP/1.1 200 OK, and more";
        for before in [&b""[..], b"ICY "] {
            let (mut kept, mut whole) = (Kept::default(), Whole::default());
            kept.add(before);
            kept.complete_received(&buffer, 15, Some(before.len()), &mut whole);
            let expected = [before, b"HTTP/1.1 200 OK"].concat();
            assert_eq!(whole.response(&buffer).bytes, expected);
            whole.leave(&buffer);
            let others = [b'x'; 25];
            assert_eq!(whole.response(&others).bytes, expected);
            assert_eq!(whole.response(&others).plain_body_at, Some(before.len()));
            kept.complete(b"next", None, &mut whole);
            assert_eq!(whole.response(&others).bytes, b"next");
        }
    }
}
