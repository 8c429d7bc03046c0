//! What has come of a response that somebody wants to look into.

use apibench_core::transport::KEPT_RESPONSE_BYTES;

/// The bytes of a response that does not come in one piece, as many as are kept of any.
#[derive(Debug, Default)]
pub struct Kept(Vec<u8>);

impl Kept {
    /// Of another response.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Some more have come, and not the last.
    pub fn add(&mut self, bytes: &[u8]) {
        let room = KEPT_RESPONSE_BYTES.saturating_sub(self.0.len());
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// The response is whole with its last bytes: it goes into `response`.
    pub fn complete(&mut self, bytes: &[u8], response: &mut Vec<u8>) {
        if self.0.is_empty() {
            // In one piece, as nearly all come: it costs no memory of the connection's own.
            response.clear();
            response.extend_from_slice(&bytes[..bytes.len().min(KEPT_RESPONSE_BYTES)]);
        } else {
            self.add(bytes);
            *response = std::mem::take(&mut self.0);
        }
    }
}
