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

    /// The response is whole with its last bytes: it goes into `response`.
    pub fn complete(&mut self, bytes: &[u8], response: &mut Self) {
        if self.bytes.is_empty() {
            // In one piece, as nearly all come: it costs no memory of the connection's own.
            response.clear();
            response.add(bytes);
        } else {
            self.add(bytes);
            *response = std::mem::take(self);
        }
    }

    /// As it is looked into.
    pub fn response(&self) -> KeptResponse<'_> {
        KeptResponse {
            bytes: &self.bytes,
            cut: self.cut,
        }
    }
}
