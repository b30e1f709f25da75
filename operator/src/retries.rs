//! How long a reconciliation that failed waits before it is tried again: longer with each
//! failure, from the start again after a success.
use crate::metrics::ReconcileErrorClass;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The first pause.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause.
const LAST: Duration = Duration::from_mins(2);
/// Somebody else wrote first: the caches will have it in a moment.
const CONFLICT: Duration = Duration::from_millis(500);

/// Failures in a row, by object.
#[derive(Debug, Default)]
pub struct Retries(Mutex<HashMap<String, u32>>);

impl Retries {
    /// `key` has failed; how long to wait.
    pub fn failed(&self, key: &str, class: ReconcileErrorClass) -> Duration {
        if class == ReconcileErrorClass::Conflict {
            return CONFLICT;
        }
        let mut failures = self.lock();
        let count = failures.entry(key.to_owned()).or_default();
        *count = count.saturating_add(1);
        let factor = 2_u32.saturating_pow(count.saturating_sub(1).min(16));
        FIRST.saturating_mul(factor).min(LAST)
    }

    /// `key` has succeeded.
    pub fn succeeded(&self, key: &str) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_start_again_after_a_success() {
        let retries = Retries::default();
        let fail = || retries.failed("a", ReconcileErrorClass::Storage).as_secs();
        assert_eq!([fail(), fail(), fail(), fail()], [1, 2, 4, 8]);
        for _ in 0..100 {
            fail();
        }
        assert_eq!(fail(), 120);
        retries.succeeded("a");
        assert_eq!(fail(), 1);
    }

    #[test]
    fn a_conflict_is_no_failure() {
        let retries = Retries::default();
        assert_eq!(retries.failed("a", ReconcileErrorClass::Conflict), CONFLICT);
        assert_eq!(retries.failed("a", ReconcileErrorClass::Storage), FIRST);
    }
}
