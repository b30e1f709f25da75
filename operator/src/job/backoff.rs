//! The pause before the next attempt.
use jiff::SignedDuration;
use vessel_storage::digest::Sha256;

/// The first pause, in milliseconds.
const FIRST_MILLIS: i64 = 10_000;
/// The longest pause, before it is spread, in milliseconds.
const CAP_MILLIS: i64 = 600_000;
/// By how much a pause is spread to either side, in percent.
const SPREAD_PERCENT: i64 = 20;

/// 10 s × 3ⁿ⁻¹ after the `n`th interruption, at most 600 s, ±20 %.
///
/// The spread comes from `seed`, so that jobs that failed together do not come back
/// together and a test knows what to expect.
pub fn pause(interruptions: i32, seed: &str) -> SignedDuration {
    let exponent = u32::try_from(interruptions.saturating_sub(1)).unwrap_or_default();
    let millis = 3_i64
        .checked_pow(exponent)
        .and_then(|factor| FIRST_MILLIS.checked_mul(factor))
        .map_or(CAP_MILLIS, |millis| millis.min(CAP_MILLIS));
    SignedDuration::from_millis(millis + millis * spread(seed) / 100)
}

/// A number from −20 to 20, the same for equal seeds.
fn spread(seed: &str) -> i64 {
    let digits = Sha256::of(seed.as_bytes()).to_string();
    let number = digits
        .get(..8)
        .and_then(|digits| i64::from_str_radix(digits, 16).ok())
        .unwrap_or_default();
    number % (2 * SPREAD_PERCENT + 1) - SPREAD_PERCENT
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_triples_and_is_capped() {
        let around = |interruptions: i32, millis: i64| {
            let pause = pause(interruptions, "seed").as_millis();
            let (low, high) = (i128::from(millis * 8 / 10), i128::from(millis * 12 / 10));
            assert!((low..=high).contains(&pause), "{interruptions}: {pause}");
        };
        around(1, 10_000);
        around(2, 30_000);
        around(3, 90_000);
        around(4, 270_000);
        around(5, 600_000);
        around(100, 600_000);
    }

    /// A host that never answers: three tries of 10 s with their pauses fit in 3 minutes.
    #[test]
    fn three_tries_of_a_dead_host_fit_in_three_minutes() {
        let pauses: i128 = (1..3).map(|n| pause(n, &n.to_string()).as_millis()).sum();
        assert!(pauses + 3 * 20_000 < 180_000);
    }

    proptest! {
        #[test]
        fn no_seed_leaves_the_bounds(n in -5..200_i32, seed in ".{0,40}") {
            let pause = pause(n, &seed).as_millis();
            prop_assert!((8_000..=720_000).contains(&pause));
        }
    }
}
