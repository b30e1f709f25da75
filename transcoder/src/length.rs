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
        let per_milli = SAMPLE_RATE / 1000;
        self.0.saturating_add(per_milli / 2) / per_milli
    }

    /// In seconds.
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact below 2^53 samples, 5,900 years"
    )]
    pub fn seconds(self) -> f64 {
        self.0 as f64 / SAMPLE_RATE as f64
    }

    /// So many milliseconds. Sources claim any number of them.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(SAMPLE_RATE / 1000))
    }

    /// So many seconds.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(SAMPLE_RATE))
    }
}

/// How the samples of a track follow each other: all alike, in fragments of equal length.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cadence {
    /// Units a second of the track's times.
    pub timescale: u32,
    /// Units that a sample lasts: an AAC frame, or a picture.
    pub sample: u64,
    /// Samples of every fragment but the last.
    pub fragment_samples: u64,
    /// Units at the beginning that the edit list leaves out.
    pub priming: u64,
    /// Whether the very last sample lasts as long as the others.
    pub last: LastSample,
}

/// Whether the very last sample of a track lasts as long as the others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LastSample {
    /// It may end with the sound.
    MayBeShorter,
    /// It lasts as long.
    Whole,
}

/// So many units of a timescale in samples at 48 kHz, rounded to the nearest.
pub fn in_samples(units: u64, timescale: u32) -> Samples {
    let timescale = u128::from(timescale.max(1));
    let samples = (u128::from(units) * u128::from(SAMPLE_RATE) + timescale / 2) / timescale;
    Samples(u64::try_from(samples).unwrap_or(u64::MAX))
}

impl std::iter::Sum for Samples {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        Self(iter.map(|samples| samples.0).sum())
    }
}
