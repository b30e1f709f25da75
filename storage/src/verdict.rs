//! How an execution ended, in its own words: `verdict.json`, and the pod's termination
//! message.
use crate::manifest::Cost;
use serde::{Deserialize, Serialize};
use vessel_crds::media::MediaFacts;
use vessel_crds::reason::FailureReason;

/// Longest termination message, in bytes: the kubelet cuts at 4,096.
pub const TERMINATION_BYTES: usize = 3500;

/// Longest ETag of a source that is told, in bytes: one that is longer is not compared.
pub const SOURCE_ETAG_BYTES: usize = 256;

/// Exit code of a pod that committed, was superseded or was cancelled.
pub const EXIT_DONE: u8 = 0;
/// Exit code of a pod that failed for good.
pub const EXIT_PERMANENT: u8 = 64;
/// Exit code of a pod that may be tried again.
pub const EXIT_RETRYABLE: u8 = 75;

/// How an execution ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The end.
    pub outcome: VerdictOutcome,
    /// Why it failed; absent when it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<FailureReason>,
    /// What happened and what to change, for people.
    pub message: String,
    /// Whether trying again can't help. An execution may know better than the class of its
    /// reason: a full bucket is not a passing fault.
    #[serde(default)]
    pub permanent: bool,
    /// What the source turned out to be, as far as it was found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<MediaFacts>,
    /// ETag that the source had, as soon as it was read: a later attempt has to find the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_etag: Option<String>,
    /// What it cost.
    #[serde(default)]
    pub cost: Cost,
    /// Milliseconds that each stage took, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageTime>,
}

/// The ends of an execution.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum VerdictOutcome {
    /// This execution is the job's commit.
    Committed,
    /// Another execution had committed.
    Superseded,
    /// The job was called off.
    Cancelled,
    /// It failed.
    Failed,
}

/// A stage of an execution.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Stage {
    /// The source is read.
    Fetch,
    /// The source is looked at.
    Probe,
    /// ffmpeg runs.
    Encode,
    /// The rest is uploaded.
    Upload,
    /// The gate before the commit.
    Verify,
    /// The manifest and the commit are written.
    Commit,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 6] = [
        Self::Fetch,
        Self::Probe,
        Self::Encode,
        Self::Upload,
        Self::Verify,
        Self::Commit,
    ];

    /// The word as it stands in metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fetch => "Fetch",
            Self::Probe => "Probe",
            Self::Encode => "Encode",
            Self::Upload => "Upload",
            Self::Verify => "Verify",
            Self::Commit => "Commit",
        }
    }
}

/// How long a stage took.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StageTime {
    /// The stage.
    pub stage: Stage,
    /// Milliseconds.
    pub millis: u64,
}
