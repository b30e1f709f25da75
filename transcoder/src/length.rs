//! Lengths in samples, frames and time. Everything that plays is sampled at 48 kHz, and an
//! AAC frame holds 1024 samples (ISO/IEC 14496-3), so that lengths are exact integers.

/// Samples a second of everything that is encoded.
pub const SAMPLE_RATE: u64 = 48_000;
/// Samples of an AAC-LC frame.
pub const FRAME_SAMPLES: u64 = 1024;
/// Samples that the encoder puts before the first: what the edit list leaves out.
pub const PRIMING_SAMPLES: u64 = 1024;

/// A length in samples at 48 kHz.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Samples(pub u64);

impl Samples {
    /// In milliseconds, rounded to the nearest.
    pub const fn millis(self) -> u64 {
        (self.0 * 1000 + SAMPLE_RATE / 2) / SAMPLE_RATE
    }

    /// In seconds.
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact below 2^53 samples, 5,900 years"
    )]
    pub fn seconds(self) -> f64 {
        self.0 as f64 / SAMPLE_RATE as f64
    }

    /// So many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * SAMPLE_RATE / 1000)
    }

    /// So many seconds.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds * SAMPLE_RATE)
    }
}

impl std::iter::Sum for Samples {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        Self(iter.map(|samples| samples.0).sum())
    }
}
