//! Why a sweep stops.
use crate::metrics::SweepErrorReason;
use vessel_storage::bucket::{BucketError, ErrorClass};

/// Why a sweep stops, and what to look at.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}: {message}", reason.as_str())]
pub(super) struct Halt {
    /// For metrics and Events.
    pub reason: SweepErrorReason,
    /// For people.
    pub message: String,
}

impl Halt {
    pub fn new(reason: SweepErrorReason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }

    /// Whether it ends by itself: no alarm is raised.
    pub fn passes(&self) -> bool {
        self.reason == SweepErrorReason::Unavailable
    }
}

impl From<BucketError> for Halt {
    fn from(error: BucketError) -> Self {
        let reason = match error.class {
            ErrorClass::Unavailable => SweepErrorReason::Unavailable,
            ErrorClass::Denied | ErrorClass::NotFound => SweepErrorReason::Denied,
            ErrorClass::Other => SweepErrorReason::Invalid,
        };
        Self::new(reason, error.to_string())
    }
}
