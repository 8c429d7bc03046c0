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
            // In one piece, as nearly all come: it costs no memory of the connection's own.
            whole.kept.clear();
            whole.kept.add(bytes);
        } else {
            self.add(bytes);
            whole.kept = std::mem::take(self);
        }
        whole.plain_body_at = plain_body_at;
    }
}

/// The response that was whole last.
#[derive(Debug, Default)]
pub struct Whole {
    kept: Kept,
    plain_body_at: Option<usize>,
}

impl Whole {
    /// As it is looked into.
    pub fn response(&self) -> KeptResponse<'_> {
        KeptResponse {
            bytes: &self.kept.bytes,
            cut: self.kept.cut,
            plain_body_at: self.plain_body_at,
        }
    }
}
