//! Which part of a run a measurement belongs to.

/// Warm-up precedes the planned duration. A request or an iteration belongs to the phase in which it
/// was *intended*, however late it ended, so that a slow warm-up request never lands in the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// Before the planned duration; counted apart.
    Warmup = 0,
    /// Within the planned duration.
    Main = 1,
}

impl Phase {
    /// How many there are; recorders keep one set of counts for each.
    pub const COUNT: usize = 2;

    /// Every phase, in the order of time.
    pub const ALL: [Self; Self::COUNT] = [Self::Warmup, Self::Main];

    /// The name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Warmup => "warmup",
            Self::Main => "main",
        }
    }
}
