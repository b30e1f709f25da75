//! Rates by RFC 8216 §4.3.4.2, measured from the segments.
use crate::length::{SAMPLE_RATE, Samples};

/// A segment's weight.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Weight {
    /// Its bytes.
    pub bytes: u64,
    /// How long it plays.
    pub length: Samples,
}

/// The largest rate, in bit/s rounded up, over contiguous runs of segments that play for 0.5
/// to 1.5 target durations. A short tail alone does not count; where no run fits, the rate is
/// that of the whole.
pub fn peak(segments: &[Weight], target_seconds: u64) -> u64 {
    let target = Samples::from_seconds(target_seconds).0;
    let mut peak = None;
    for start in 0..segments.len() {
        let (mut bytes, mut length) = (0, 0);
        for segment in segments.iter().skip(start) {
            bytes += segment.bytes;
            length += segment.length.0;
            if length * 2 > target * 3 {
                break;
            }
            if length * 2 >= target {
                peak = peak.max(Some(rate(bytes, length)));
            }
        }
    }
    peak.unwrap_or_else(|| average(segments))
}

/// The rate of the whole, in bit/s rounded up.
pub fn average(segments: &[Weight]) -> u64 {
    let bytes = segments.iter().map(|segment| segment.bytes).sum();
    let length: Samples = segments.iter().map(|segment| segment.length).sum();
    rate(bytes, length.0)
}

fn rate(bytes: u64, samples: u64) -> u64 {
    let bits = u128::from(bytes) * 8 * u128::from(SAMPLE_RATE);
    u64::try_from(bits.div_ceil(u128::from(samples.max(1)))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn weight(bytes: u64, millis: u64) -> Weight {
        Weight {
            bytes,
            length: Samples::from_millis(millis),
        }
    }

    #[test]
    fn rates_of_known_segments() {
        let cases = [
            // One segment a run: 96 kB in 6 s are 128 kbit/s.
            (
                vec![weight(96_000, 6000), weight(48_000, 6000)],
                128_000,
                96_000,
            ),
            // A tail of 64 ms at a high rate counts with the segment before it alone.
            (
                vec![weight(96_000, 6000), weight(8_000, 64)],
                137_204,
                137_204,
            ),
            // No run fits: the whole.
            (vec![weight(16_000, 1000)], 128_000, 128_000),
        ];
        for (segments, expected_peak, expected_average) in cases {
            assert_eq!(peak(&segments, 6), expected_peak, "{segments:?}");
            assert_eq!(average(&segments), expected_average, "{segments:?}");
        }
    }

    proptest! {
        /// Equal segments have one rate.
        #[test]
        fn a_constant_rate_is_its_own_peak(bytes in 1..1_000_000_u64, count in 1..50_usize) {
            let segments = vec![weight(bytes, 6000); count];
            prop_assert_eq!(peak(&segments, 6), average(&segments));
        }

        /// No run that fits exceeds the peak.
        #[test]
        fn no_segment_of_full_length_exceeds_the_peak(
            bytes in prop::collection::vec(1..200_000_u64, 1..20),
        ) {
            let segments: Vec<Weight> = bytes.iter().map(|&bytes| weight(bytes, 6000)).collect();
            let peak = peak(&segments, 6);
            for segment in &segments {
                prop_assert!(average(&[*segment]) <= peak);
            }
        }
    }
}
