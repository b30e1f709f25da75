//! What this process knows of the lease.
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What this process knows of the lease. Before it leads, nothing is left of it.
#[derive(Clone, Debug, Default)]
pub struct LeaseView(Arc<Mutex<Held>>);

#[derive(Clone, Copy, Debug, Default)]
struct Held {
    transitions: i64,
    until: Option<Instant>,
}

impl LeaseView {
    /// `spec.leaseTransitions` of the lease while we hold it: tells writers of a pointer apart.
    pub fn transitions(&self) -> i64 {
        self.held().transitions
    }

    /// How long nobody else can lead. A call that may take longer must not be begun.
    pub fn left(&self) -> Duration {
        let until = self.held().until;
        until.map_or(Duration::ZERO, |until| {
            until.saturating_duration_since(Instant::now())
        })
    }

    /// The lease was acquired or renewed: nobody else takes it before `until`.
    pub fn renewed(&self, transitions: i64, until: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Held {
            transitions,
            until: Some(until),
        };
    }

    fn held(&self) -> Held {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
