//! Why a server cannot start: a stable name, what is wrong, and what to do about it.

/// Why a server cannot start. Its text holds what is wrong and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EchoError {
    /// Short and stable: `config.threads`, `config.serve`, `config.freeze`, `config.knobs`, `config.ca_file`,
    /// `listen`, `log`, `tls` or `system`.
    pub name: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: &'static str,
}

impl EchoError {
    pub(crate) fn new(name: &'static str, message: impl Into<String>, remedy: &'static str) -> Self {
        Self {
            name,
            message: message.into(),
            remedy,
        }
    }
}

impl std::fmt::Display for EchoError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}. {}", self.message, self.remedy)
    }
}

impl std::error::Error for EchoError {}
