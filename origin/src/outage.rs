//! A store that fails, fails every request: the log hears of it once a second.
use crate::upstream::Fault;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The least time between two lines.
const PAUSE: Duration = Duration::from_secs(1);

/// Writes faults to the log.
#[derive(Default)]
pub struct Outage(Mutex<Heard>);

#[derive(Default)]
struct Heard {
    last: Option<Instant>,
    silent: u64,
}

impl Outage {
    /// A request failed. What happens within a second of the last line is only counted.
    pub fn tell(&self, fault: &Fault) {
        if let Some(silent) = self.due(Instant::now()) {
            tracing::error!(error = %fault, silent, "a request failed");
        }
    }

    /// How many were not told of since the last line, if it is time for another.
    fn due(&self, now: Instant) -> Option<u64> {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match heard.last {
            Some(last) if now.saturating_duration_since(last) < PAUSE => {
                heard.silent += 1;
                None
            }
            _ => {
                heard.last = Some(now);
                Some(std::mem::take(&mut heard.silent))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_with_the_count_of_the_others() {
        let outage = Outage::default();
        let start = Instant::now();
        let at = |millis| outage.due(start + Duration::from_millis(millis));
        assert_eq!(at(0), Some(0));
        assert_eq!(at(1), None);
        assert_eq!(at(999), None);
        assert_eq!(at(1000), Some(2));
        assert_eq!(at(5000), Some(0));
    }
}
