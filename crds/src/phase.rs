//! The four words in which people read a status.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where an asset or a job stands, in one word. Derived from the conditions, for people;
/// programs should read the conditions.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    Deserialize,
    Eq,
    Hash,
    JsonSchema,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
)]
pub enum Phase {
    /// Waiting: for its turn, for an upload, for its store, or for the next attempt.
    #[default]
    Pending,
    /// A pod works on it.
    Running,
    /// All that was asked for is published.
    Ready,
    /// It will not go on by itself; the message says what to change.
    Failed,
    /// Written by a newer version of Vessel: nothing is planned or deleted on its account.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

impl Phase {
    /// The word as it stands in YAML and in metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Ready => "Ready",
            Self::Failed => "Failed",
            Self::Unknown => "Unknown",
        }
    }

    /// The phases that are exported as metric labels.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Running, Self::Ready, Self::Failed];
}
