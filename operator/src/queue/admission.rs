//! Whose turn it is. Pure: who runs and who waits in, who may start out.
use jiff::Timestamp;
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;
use vessel_crds::reason::WaitingReason;

/// A job that would start if there were room.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Candidate {
    /// UID of the TranscodeJob.
    pub uid: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Higher goes first within its namespace.
    pub priority: i32,
    /// When it was created: the older goes first among equals.
    pub created: Timestamp,
}

/// What a namespace may have, from the settings and its annotations.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NamespacePolicy {
    /// Jobs that may run at once; `None` is no limit.
    pub max_running: Option<u32>,
    /// Priorities above this count as this.
    pub max_priority: Option<i32>,
    /// Its share against other namespaces.
    pub weight: u32,
}

impl Default for NamespacePolicy {
    fn default() -> Self {
        Self {
            max_running: None,
            max_priority: None,
            weight: 1,
        }
    }
}

/// A namespace as the queue sees it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct NamespaceState {
    /// What it may have.
    pub policy: NamespacePolicy,
    /// Its jobs that run.
    pub running: u32,
    /// When a job of it was last started.
    pub last_served: Option<Timestamp>,
}

/// The queue at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Jobs that may run at once; `None` is no limit.
    pub max_running: Option<u32>,
    /// Every namespace with jobs that run or wait.
    pub namespaces: BTreeMap<String, NamespaceState>,
    /// The jobs that wait, in any order.
    pub candidates: Vec<Candidate>,
}

/// What the queue says to a job.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Turn {
    /// It may start.
    Now,
    /// It waits for that reason.
    Wait(WaitingReason),
}

/// A namespace while turns are given out.
struct Lane<'a> {
    name: &'a str,
    state: NamespaceState,
    /// How many turns it got in this round; orders lanes that were served in it.
    served: u32,
    waiting: Vec<&'a Candidate>,
}

/// The turn of every candidate, by UID.
///
/// Namespaces take turns: the one that runs the least for its weight goes next, among equals
/// the one that was served the longest ago. Within a namespace the higher priority goes
/// first, then the older job.
pub fn admit(snapshot: &Snapshot) -> BTreeMap<String, Turn> {
    let mut lanes = lanes(snapshot);
    let mut running: u32 = snapshot
        .namespaces
        .values()
        .map(|state| state.running)
        .sum();
    let mut turns = BTreeMap::new();
    while has_room(snapshot.max_running, running) {
        let Some(lane) = next_lane(&mut lanes) else {
            break;
        };
        let Some(candidate) = lane.waiting.pop() else {
            break;
        };
        turns.insert(candidate.uid.clone(), Turn::Now);
        lane.state.running += 1;
        lane.served += 1;
        running += 1;
    }
    for lane in &lanes {
        let reason = if lane.has_room() {
            WaitingReason::QueueFull
        } else {
            WaitingReason::NamespaceLimit
        };
        let waiting = lane.waiting.iter();
        turns.extend(waiting.map(|candidate| (candidate.uid.clone(), Turn::Wait(reason))));
    }
    turns
}

fn has_room(limit: Option<u32>, running: u32) -> bool {
    limit.is_none_or(|limit| running < limit)
}

fn lanes(snapshot: &Snapshot) -> Vec<Lane<'_>> {
    let mut lanes: BTreeMap<&str, Lane<'_>> = BTreeMap::new();
    for candidate in &snapshot.candidates {
        let name = candidate.namespace.as_str();
        let lane = lanes.entry(name).or_insert_with(|| Lane {
            name,
            state: snapshot.namespaces.get(name).copied().unwrap_or_default(),
            served: 0,
            waiting: Vec::new(),
        });
        lane.waiting.push(candidate);
    }
    for lane in lanes.values_mut() {
        let cap = lane.state.policy.max_priority.unwrap_or(i32::MAX);
        // The last one goes first: it is popped.
        lane.waiting.sort_by_key(|candidate| {
            (
                candidate.priority.min(cap),
                Reverse(candidate.created),
                Reverse(candidate.name.as_str()),
            )
        });
    }
    lanes.into_values().collect()
}

impl Lane<'_> {
    fn has_room(&self) -> bool {
        has_room(self.state.policy.max_running, self.state.running)
    }

    /// The lane that goes first is the smallest.
    fn order(&self, other: &Self) -> Ordering {
        let load = |lane: &Self, against: &Self| {
            u64::from(lane.state.running) * u64::from(against.state.policy.weight.max(1))
        };
        load(self, other)
            .cmp(&load(other, self))
            .then(self.served.cmp(&other.served))
            .then(self.state.last_served.cmp(&other.state.last_served))
            .then(self.oldest().cmp(&other.oldest()))
            .then(self.name.cmp(other.name))
    }

    fn oldest(&self) -> Option<Timestamp> {
        self.waiting.iter().map(|candidate| candidate.created).min()
    }
}

fn next_lane<'l, 'a>(lanes: &'l mut [Lane<'a>]) -> Option<&'l mut Lane<'a>> {
    lanes
        .iter_mut()
        .filter(|lane| !lane.waiting.is_empty() && lane.has_room())
        .min_by(|one, other| one.order(other))
}

#[cfg(test)]
mod tests;
