//! Why an execution ends without having committed.
use std::fmt::Display;
use vessel_crds::reason::{FailureClass, FailureReason};

/// Why an execution ends without having committed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Stop {
    /// Something is wrong.
    #[error("{0}")]
    Failed(Failure),
    /// The job was called off: the pod is no longer that of the current attempt.
    #[error("cancelled: {0}")]
    Cancelled(String),
    /// Another execution had committed.
    #[error("superseded: {0}")]
    Superseded(String),
}

/// What is wrong, in the vocabulary of the API.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct Failure {
    /// Why.
    pub reason: FailureReason,
    /// What happened and what to change, for people.
    pub message: String,
    /// Whether trying again can help.
    pub class: FailureClass,
}

impl Failure {
    /// A failure of the class that its reason has by default.
    pub fn new(reason: FailureReason, message: impl Display) -> Self {
        Self {
            reason,
            message: message.to_string(),
            class: reason.class(),
        }
    }

    /// A failure that trying again can't mend, whatever its reason says.
    pub fn permanent(reason: FailureReason, message: impl Display) -> Self {
        Self {
            class: FailureClass::Permanent,
            ..Self::new(reason, message)
        }
    }
}

impl Stop {
    /// Whether it says that something is wrong with the source.
    pub const fn blames_source(&self) -> bool {
        let Self::Failed(failure) = self else {
            return false;
        };
        matches!(
            failure.reason,
            FailureReason::SourceInvalid | FailureReason::SourceUnsupported
        )
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A [`Stop`] of this reason.
pub fn failed(reason: FailureReason, message: impl Display) -> Stop {
    Stop::Failed(Failure::new(reason, message))
}

/// An error with the errors below it, in one line: most libraries name the cause only there.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// A [`Stop`] for a fault of our own or of the pod's surroundings.
pub fn internal(what: impl Display, error: &(dyn std::error::Error + 'static)) -> Stop {
    failed(FailureReason::Internal, format!("{what}: {}", chain(error)))
}
