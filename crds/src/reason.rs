//! One vocabulary for failures and one for waiting, on status, events and metrics alike.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What went wrong with an attempt or with an asset.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
pub enum FailureReason {
    /// There is nothing at the source's address.
    SourceNotFound,
    /// The source's host did not answer, or the transfer kept breaking.
    SourceUnreachable,
    /// The source refused us, or its address is one that Vessel must not open.
    SourceDenied,
    /// The source is no longer the one that was recorded.
    SourceChanged,
    /// The source is broken, truncated, encrypted or not media at all.
    SourceInvalid,
    /// The source is of a kind that Vessel does not take.
    SourceUnsupported,
    /// A limit of size, duration, pixels, objects or scratch space was exceeded.
    LimitExceeded,
    /// ffmpeg ended with an error that is not the source's fault.
    EncoderFailed,
    /// What came out did not pass the checks before publication.
    VerificationFailed,
    /// The pod was killed for its memory limit.
    OutOfMemory,
    /// The attempt ran longer than its deadline.
    DeadlineExceeded,
    /// The bucket did not answer.
    StorageUnavailable,
    /// The bucket refused the credentials.
    StorageDenied,
    /// The pod was evicted, preempted, or lost with its node.
    Disrupted,
    /// A fault of Vessel or of the cluster.
    Internal,
    /// Written by a newer version of Vessel.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FailureClass {
    /// Trying again can't help: somebody has to change something.
    Permanent,
    /// Tried again after a pause, a bounded number of times.
    Retryable,
    /// The platform's doing: tried again without being counted as a failure.
    Disruption,
}

impl FailureReason {
    /// Every reason that this version writes, in the order of the documentation.
    pub const ALL: [Self; 15] = [
        Self::SourceNotFound,
        Self::SourceUnreachable,
        Self::SourceDenied,
        Self::SourceChanged,
        Self::SourceInvalid,
        Self::SourceUnsupported,
        Self::LimitExceeded,
        Self::EncoderFailed,
        Self::VerificationFailed,
        Self::OutOfMemory,
        Self::DeadlineExceeded,
        Self::StorageUnavailable,
        Self::StorageDenied,
        Self::Disrupted,
        Self::Internal,
    ];

    /// The word as it stands in conditions, events and metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SourceNotFound => "SourceNotFound",
            Self::SourceUnreachable => "SourceUnreachable",
            Self::SourceDenied => "SourceDenied",
            Self::SourceChanged => "SourceChanged",
            Self::SourceInvalid => "SourceInvalid",
            Self::SourceUnsupported => "SourceUnsupported",
            Self::LimitExceeded => "LimitExceeded",
            Self::EncoderFailed => "EncoderFailed",
            Self::VerificationFailed => "VerificationFailed",
            Self::OutOfMemory => "OutOfMemory",
            Self::DeadlineExceeded => "DeadlineExceeded",
            Self::StorageUnavailable => "StorageUnavailable",
            Self::StorageDenied => "StorageDenied",
            Self::Disrupted => "Disrupted",
            Self::Internal => "Internal",
            Self::Unknown => "Unknown",
        }
    }

    /// Whether trying again can help. A missing headers Secret heals by itself when the
    /// rest of a GitOps apply arrives, which is why `SourceDenied` is retryable.
    pub const fn class(self) -> FailureClass {
        match self {
            Self::SourceNotFound
            | Self::SourceChanged
            | Self::SourceInvalid
            | Self::SourceUnsupported
            | Self::LimitExceeded => FailureClass::Permanent,
            Self::SourceUnreachable
            | Self::SourceDenied
            | Self::EncoderFailed
            | Self::VerificationFailed
            | Self::OutOfMemory
            | Self::DeadlineExceeded
            | Self::StorageUnavailable
            | Self::StorageDenied
            | Self::Internal
            | Self::Unknown => FailureClass::Retryable,
            Self::Disrupted => FailureClass::Disruption,
        }
    }
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why something that is not wrong has not started yet.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
pub enum WaitingReason {
    /// As many jobs run as `queue.maxRunning` allows.
    QueueFull,
    /// As many jobs run as its namespace may have.
    NamespaceLimit,
    /// A ResourceQuota leaves no room for the pod.
    QuotaExceeded,
    /// Pod admission refuses the pod.
    PodsRejected,
    /// No node has room for the pod.
    Unschedulable,
    /// The pod's image can't be pulled.
    ImagePull,
    /// The store does not exist or is not ready.
    StoreNotReady,
    /// A pause before the next attempt.
    BackingOff,
    /// The source has not been uploaded yet.
    AwaitingUpload,
    /// `spec.suspend` holds it back.
    Suspended,
}

impl WaitingReason {
    /// Every reason, for metrics that start at zero.
    pub const ALL: [Self; 10] = [
        Self::QueueFull,
        Self::NamespaceLimit,
        Self::QuotaExceeded,
        Self::PodsRejected,
        Self::Unschedulable,
        Self::ImagePull,
        Self::StoreNotReady,
        Self::BackingOff,
        Self::AwaitingUpload,
        Self::Suspended,
    ];

    /// The word as it stands in conditions and metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "QueueFull",
            Self::NamespaceLimit => "NamespaceLimit",
            Self::QuotaExceeded => "QuotaExceeded",
            Self::PodsRejected => "PodsRejected",
            Self::Unschedulable => "Unschedulable",
            Self::ImagePull => "ImagePull",
            Self::StoreNotReady => "StoreNotReady",
            Self::BackingOff => "BackingOff",
            Self::AwaitingUpload => "AwaitingUpload",
            Self::Suspended => "Suspended",
        }
    }
}

impl fmt::Display for WaitingReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_what_serde_writes() {
        for reason in FailureReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
        for reason in WaitingReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }

    #[test]
    fn a_word_of_a_newer_version_is_unknown_and_not_an_error() {
        let reason: FailureReason = serde_json::from_str("\"SourceOnFire\"").unwrap();
        assert_eq!(reason, FailureReason::Unknown);
    }
}
