//! Conditions by meta/v1, with transition times that only move when a status does.
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The types of conditions that Vessel writes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum ConditionType {
    /// Asset: something plays now.
    Playable,
    /// Asset: all that this generation asks for plays. Store: it really works.
    Ready,
    /// Asset: what plays was made by the profiles as they are now.
    UpToDate,
    /// kstatus: work is going on towards what was asked for.
    Reconciling,
    /// kstatus: it will not go on without somebody's help.
    Stalled,
    /// Job: it has a slot of the queue.
    Admitted,
    /// Job: it was committed.
    Succeeded,
}

impl ConditionType {
    /// The type as it stands in YAML.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Playable => "Playable",
            Self::Ready => "Ready",
            Self::UpToDate => "UpToDate",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::Admitted => "Admitted",
            Self::Succeeded => "Succeeded",
        }
    }
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The three values of a condition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It can't be told.
    Unknown,
}

impl ConditionStatus {
    /// The value as it stands in YAML.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// What a condition should say now; [`Fact::merge`] gives it its times.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fact {
    /// Which condition.
    pub kind: ConditionType,
    /// Its value.
    pub status: ConditionStatus,
    /// One word, `CamelCase`, for programs.
    pub reason: String,
    /// A sentence for people: what is so, and what to change.
    pub message: String,
}

/// Longest message of a condition, in bytes: meta/v1 allows 32,768, people read less.
const MESSAGE_BYTES: usize = 1024;

impl Fact {
    /// A fact with its message cut to a length that people read.
    pub fn new(kind: ConditionType, status: ConditionStatus, reason: &str, message: &str) -> Self {
        let end = message.floor_char_boundary(MESSAGE_BYTES);
        let (message, _) = message.split_at(end);
        Self {
            kind,
            status,
            reason: reason.to_owned(),
            message: message.to_owned(),
        }
    }

    /// The condition for `facts` at `generation`, keeping the transition time of the
    /// condition in `before` whose status is the same (meta/v1 asks for that).
    pub fn merge(
        facts: &[Self],
        before: &[Condition],
        generation: i64,
        now: &Time,
    ) -> Vec<Condition> {
        facts
            .iter()
            .map(|fact| Condition {
                type_: fact.kind.as_str().to_owned(),
                status: fact.status.as_str().to_owned(),
                reason: fact.reason.clone(),
                message: fact.message.clone(),
                observed_generation: Some(generation),
                last_transition_time: before
                    .iter()
                    .find(|c| c.type_ == fact.kind.as_str() && c.status == fact.status.as_str())
                    .map_or_else(|| now.clone(), |c| c.last_transition_time.clone()),
            })
            .collect()
    }
}

/// Whether the condition of that type is True.
pub fn is_true(conditions: &[Condition], kind: ConditionType) -> bool {
    find(conditions, kind).is_some_and(|c| c.status == "True")
}

/// The condition of that type.
pub fn find(conditions: &[Condition], kind: ConditionType) -> Option<&Condition> {
    conditions.iter().find(|c| c.type_ == kind.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn a_transition_time_moves_only_with_the_status() {
        let old = Time(Timestamp::UNIX_EPOCH);
        let new = Time(Timestamp::from_second(60).unwrap());
        let waiting = Fact::new(
            ConditionType::Ready,
            ConditionStatus::False,
            "QueueFull",
            "waits",
        );
        let first = Fact::merge(&[waiting], &[], 1, &old);
        let busy = Fact::new(
            ConditionType::Ready,
            ConditionStatus::False,
            "Encoding",
            "12 %",
        );
        let second = Fact::merge(&[busy], &first, 2, &new);
        assert_eq!(second[0].last_transition_time, old);
        assert_eq!(second[0].reason, "Encoding");
        let done = Fact::new(
            ConditionType::Ready,
            ConditionStatus::True,
            "Published",
            "plays",
        );
        let third = Fact::merge(&[done], &second, 2, &new);
        assert_eq!(third[0].last_transition_time, new);
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let fact = Fact::new(
            ConditionType::Ready,
            ConditionStatus::False,
            "X",
            &"ä".repeat(2000),
        );
        assert!(fact.message.len() <= MESSAGE_BYTES);
        assert!(fact.message.chars().all(|c| c == 'ä'));
    }
}
