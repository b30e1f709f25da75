//! Rates by RFC 8216 §4.3.4.2, measured from the segments.

/// A segment's weight.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Weight {
    /// Its bytes.
    pub bytes: u64,
    /// How long it plays, in units of its track's timescale.
    pub length: u64,
}

/// The largest rate, in bit/s rounded up, over contiguous runs of segments that play for 0.5
/// to 1.5 target durations. A short tail alone does not count; where no run fits, the rate is
/// that of the whole.
pub fn peak(segments: &[Weight], timescale: u32, target_seconds: u64) -> u64 {
    let target = u128::from(target_seconds) * u128::from(timescale);
    let mut peak = None;
    for start in 0..segments.len() {
        let (mut bytes, mut length) = (0, 0);
        for segment in segments.iter().skip(start) {
            bytes += segment.bytes;
            length += segment.length;
            let twice = u128::from(length) * 2;
            if twice > target * 3 {
                break;
            }
            if twice >= target {
                peak = peak.max(Some(rate(bytes, length, timescale)));
            }
        }
    }
    peak.unwrap_or_else(|| average(segments, timescale))
}

/// The rate of the whole, in bit/s rounded up.
pub fn average(segments: &[Weight], timescale: u32) -> u64 {
    let bytes = segments.iter().map(|segment| segment.bytes).sum();
    let length = segments.iter().map(|segment| segment.length).sum();
    rate(bytes, length, timescale)
}

fn rate(bytes: u64, units: u64, timescale: u32) -> u64 {
    let bits = u128::from(bytes) * 8 * u128::from(timescale);
    u64::try_from(bits.div_ceil(u128::from(units.max(1)))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// In milliseconds.
    const SCALE: u32 = 1000;

    fn weight(bytes: u64, millis: u64) -> Weight {
        Weight {
            bytes,
            length: millis,
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
            assert_eq!(peak(&segments, SCALE, 6), expected_peak, "{segments:?}");
            assert_eq!(average(&segments, SCALE), expected_average, "{segments:?}");
        }
    }

    #[test]
    fn any_target_and_timescale_are_taken() {
        let segments = [weight(1, u64::from(u32::MAX))];
        let rate = average(&segments, u32::MAX);
        assert_eq!(peak(&segments, u32::MAX, u64::MAX), rate);
    }

    proptest! {
        /// Equal segments have one rate.
        #[test]
        fn a_constant_rate_is_its_own_peak(bytes in 1..1_000_000_u64, count in 1..50_usize) {
            let segments = vec![weight(bytes, 6000); count];
            prop_assert_eq!(peak(&segments, SCALE, 6), average(&segments, SCALE));
        }

        /// No run that fits exceeds the peak.
        #[test]
        fn no_segment_of_full_length_exceeds_the_peak(
            bytes in prop::collection::vec(1..200_000_u64, 1..20),
        ) {
            let segments: Vec<Weight> = bytes.iter().map(|&bytes| weight(bytes, 6000)).collect();
            let peak = peak(&segments, SCALE, 6);
            for segment in &segments {
                prop_assert!(average(&[*segment], SCALE) <= peak);
            }
        }
    }
}
