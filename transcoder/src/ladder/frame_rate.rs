//! Frame rates: constant, and one of those that players know.

/// Pictures a second, as a fraction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FrameRate {
    numerator: u32,
    denominator: u32,
}

/// Rates that sources mean when they come within a percent of them.
const COMMON: [FrameRate; 9] = [
    FrameRate::new(24_000, 1001),
    FrameRate::new(24, 1),
    FrameRate::new(25, 1),
    FrameRate::new(30_000, 1001),
    FrameRate::new(30, 1),
    FrameRate::new(48, 1),
    FrameRate::new(50, 1),
    FrameRate::new(60_000, 1001),
    FrameRate::new(60, 1),
];
/// What is made of a source that names no rate.
const UNKNOWN: FrameRate = FrameRate::new(25, 1);
/// Most pictures a second; sources with more lose every second one.
const MOST: f64 = 60.0;
/// How far from a common rate a source may be, as a part of it.
const TOLERANCE: f64 = 0.01;

impl FrameRate {
    /// A fraction.
    pub const fn new(numerator: u32, denominator: u32) -> Self {
        Self {
            numerator,
            denominator,
        }
    }

    /// The constant rate that is made of a source's average rate: the nearest common one, else
    /// a whole number of pictures a second.
    pub fn of_source(average: Option<Self>) -> Self {
        let Some(mut rate) = average.map(Self::hertz).filter(|&rate| rate > 0.0) else {
            return UNKNOWN;
        };
        while rate > MOST * (1.0 + TOLERANCE) {
            rate /= 2.0;
        }
        let distance = |common: &Self| (common.hertz() - rate).abs() / common.hertz();
        let nearest = COMMON
            .into_iter()
            .min_by(|one, other| distance(one).total_cmp(&distance(other)))
            .filter(|common| distance(common) <= TOLERANCE);
        nearest.unwrap_or_else(|| Self::new(whole(rate), 1))
    }

    /// Pictures a second.
    pub fn hertz(self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator.max(1))
    }

    /// Pictures in 1000 seconds, rounded to the nearest.
    pub fn millihertz(self) -> u32 {
        let denominator = u64::from(self.denominator.max(1));
        let millis = (u64::from(self.numerator) * 1000 + denominator / 2) / denominator;
        u32::try_from(millis).unwrap_or(u32::MAX)
    }

    /// Units a second in which a picture lasts a whole number of units, at least a hundred.
    pub const fn timescale(self) -> u32 {
        if self.denominator == 1 {
            self.numerator * WHOLE_RATE_UNITS
        } else {
            self.numerator
        }
    }

    /// Units of [`Self::timescale`] that a picture lasts.
    pub const fn picture_units(self) -> u64 {
        if self.denominator == 1 {
            WHOLE_RATE_UNITS as u64
        } else {
            self.denominator as u64
        }
    }

    /// The pictures of so many seconds, rounded to the nearest, at least one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rates and times are small and positive"
    )]
    pub fn pictures(self, seconds: f64) -> u64 {
        (self.hertz() * seconds).round().max(1.0) as u64
    }
}

/// Units of a picture at a whole rate.
const WHOLE_RATE_UNITS: u32 = 1000;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most 60"
)]
fn whole(rate: f64) -> u32 {
    rate.round().max(1.0) as u32
}

impl std::fmt::Display for FrameRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.denominator == 1 {
            write!(f, "{}", self.numerator)
        } else {
            write!(f, "{}/{}", self.numerator, self.denominator)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(numerator: u32, denominator: u32) -> String {
        FrameRate::of_source(Some(FrameRate::new(numerator, denominator))).to_string()
    }

    #[test]
    fn a_source_gets_the_rate_that_it_means() {
        for (rate, expected) in [
            ((24_000, 1001), "24000/1001"),
            ((2_997, 100), "30000/1001"),
            ((359, 12), "30000/1001"),
            ((25, 1), "25"),
            ((2_521, 100), "25"),
            ((120, 1), "60"),
            ((240_000, 1001), "60000/1001"),
            ((90_000, 1), "44"),
            ((18, 1), "18"),
            ((15, 1), "15"),
            ((1, 10), "1"),
            ((0, 1), "25"),
        ] {
            assert_eq!(of(rate.0, rate.1), expected, "{rate:?}");
        }
        assert_eq!(FrameRate::of_source(None).to_string(), "25");
    }

    #[test]
    fn a_picture_lasts_a_whole_number_of_units() {
        for (rate, units) in [
            (FrameRate::new(30_000, 1001), (30_000, 1001)),
            (FrameRate::new(25, 1), (25_000, 1000)),
        ] {
            assert_eq!((rate.timescale(), rate.picture_units()), units);
        }
        assert_eq!(FrameRate::new(24_000, 1001).millihertz(), 23_976);
        assert_eq!(FrameRate::new(24_000, 1001).pictures(2.0), 48);
    }

    proptest! {
        #[test]
        fn any_rate_ends_within_what_players_take(numerator in 0..u32::MAX, denominator in 0..u32::MAX) {
            let rate = FrameRate::of_source(Some(FrameRate::new(numerator, denominator)));
            prop_assert!((1.0..=60.0).contains(&rate.hertz()), "{}", rate);
        }
    }
}
