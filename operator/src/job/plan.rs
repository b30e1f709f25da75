//! What happens next with a job. Pure: a value that a test can print.
use super::outcome::{End, Ended, Evidence, JobEnd, conclude};
use super::waiting::Waiting;
use crate::human;
use jiff::{SignedDuration, Timestamp};
use vessel_crds::reason::WaitingReason;
use vessel_crds::transcode_job::{Scheduling, TranscodeJobStatus};
use vessel_storage::commit::Published;

/// A job as it was observed.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Where it stands by its own status.
    pub standing: Standing,
    /// Whether its store can be used, else why not.
    pub store: Result<(), String>,
    /// When it runs.
    pub scheduling: Scheduling,
    /// The next attempt does not start before this.
    pub next_attempt: Option<Timestamp>,
    /// Number of attempts that were started.
    pub started: i32,
    /// How long a pod may take to start.
    pub start_deadline: SignedDuration,
}

/// Where a job stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// It is not one of ours; why.
    Untrusted(String),
    /// It is done, one way or the other.
    Terminal(Leftover),
    /// A newer version of Vessel looks after it, or its asset is going.
    Unknown,
    /// Its asset has not been seen: the caches may lag.
    Orphan,
    /// No attempt is open.
    Idle,
    /// The Job of an attempt is there, but no status records it: a crash lay between.
    Unrecorded {
        /// Number of that attempt.
        number: i32,
    },
    /// An attempt is open.
    Open {
        /// Its number.
        number: i32,
        /// When its Job was made.
        since: Timestamp,
        /// How it goes.
        progress: AttemptProgress,
    },
}

/// A batch Job that a finished TranscodeJob still has.
#[derive(Clone, Debug, PartialEq)]
pub enum Leftover {
    /// There is none, or it stays for its log.
    None,
    /// It may go at this moment.
    Until(Timestamp),
}

/// How an open attempt goes.
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptProgress {
    /// Its pod does not run yet.
    Starting(Option<Waiting>),
    /// Its pod runs.
    Running,
    /// Its pod's node has not answered for long; at this moment it counts as lost.
    Leaving {
        /// When the pod was asked to go.
        since: Timestamp,
        /// When it counts as lost.
        lost_at: Timestamp,
    },
    /// It has ended.
    Ended,
}

/// What happens next.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// Nothing.
    Nothing,
    /// Delete what is left of a finished job.
    CleanUp,
    /// Look again at this moment.
    LookAgain(Timestamp),
    /// Refuse to work on it; why.
    Distrust(String),
    /// Wait.
    Wait {
        /// Why.
        waiting: Waiting,
        /// When to look again, if no event will tell.
        until: Option<Timestamp>,
    },
    /// Ask for a slot and start that attempt.
    Start(i32),
    /// Record an attempt whose Job is there.
    Adopt(i32),
    /// Say how the open attempt goes.
    Report {
        /// Why its pod does not run, if it does not.
        waiting: Option<Waiting>,
        /// Whether its pod runs.
        pod: PodSeen,
        /// When to look again, if no event will tell.
        until: Option<Timestamp>,
    },
    /// Find out how the open attempt ended, and record it.
    Conclude(JobEnd),
}

/// Whether the pod of an attempt was seen to run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PodSeen {
    /// Not yet.
    NotYet,
    /// It runs.
    Running,
}

/// What happens next with the job that `view` shows.
pub fn plan(view: &View, now: Timestamp) -> Plan {
    match &view.standing {
        Standing::Untrusted(why) => Plan::Distrust(why.clone()),
        Standing::Orphan => Plan::LookAgain(soon(now)),
        Standing::Unknown | Standing::Terminal(Leftover::None) => Plan::Nothing,
        Standing::Terminal(Leftover::Until(time)) if *time <= now => Plan::CleanUp,
        Standing::Terminal(Leftover::Until(time)) => Plan::LookAgain(*time),
        Standing::Unrecorded { number } => Plan::Adopt(*number),
        Standing::Open {
            progress, since, ..
        } => open(view, progress, *since, now),
        Standing::Idle => idle(view, now),
    }
}

fn open(view: &View, progress: &AttemptProgress, since: Timestamp, now: Timestamp) -> Plan {
    let deadline = since
        .saturating_add(view.start_deadline)
        .unwrap_or(Timestamp::MAX);
    match progress {
        AttemptProgress::Ended => conclusion(view, JobEnd::Unfinished),
        AttemptProgress::Leaving { since, lost_at } if *lost_at <= now => {
            conclusion(view, JobEnd::NodeLost(*since))
        }
        AttemptProgress::Leaving { lost_at, .. } => running(Some(*lost_at)),
        AttemptProgress::Running => running(None),
        AttemptProgress::Starting(waiting) if deadline <= now => {
            conclusion(view, JobEnd::NotStarted(waiting.clone()))
        }
        AttemptProgress::Starting(waiting) => Plan::Report {
            waiting: waiting.clone(),
            pod: PodSeen::NotYet,
            until: Some(next_look(now, deadline)),
        },
    }
}

fn running(until: Option<Timestamp>) -> Plan {
    Plan::Report {
        waiting: None,
        pod: PodSeen::Running,
        until,
    }
}

/// Nothing is concluded without the commit, and that lies in the store.
fn conclusion(view: &View, end: JobEnd) -> Plan {
    match &view.store {
        Ok(()) => Plan::Conclude(end),
        Err(why) => store_not_ready(why),
    }
}

/// A pod that does not start may be refused without an event that reaches us: look every
/// 10 s.
fn next_look(now: Timestamp, deadline: Timestamp) -> Timestamp {
    soon(now).min(deadline)
}

fn soon(now: Timestamp) -> Timestamp {
    now.saturating_add(SignedDuration::from_secs(10))
        .unwrap_or(now)
}

fn idle(view: &View, now: Timestamp) -> Plan {
    if view.scheduling.suspend {
        let message = "spec.suspend of the asset holds it back: set it to false to go on";
        return wait(WaitingReason::Suspended, message, None);
    }
    if let Err(why) = &view.store {
        return store_not_ready(why);
    }
    match view.next_attempt {
        Some(time) if time > now => {
            let message = format!(
                "attempt {} starts at {}",
                view.started.saturating_add(1),
                human::moment(time)
            );
            wait(WaitingReason::BackingOff, &message, Some(time))
        }
        _ => Plan::Start(view.started.saturating_add(1)),
    }
}

fn wait(reason: WaitingReason, message: &str, until: Option<Timestamp>) -> Plan {
    Plan::Wait {
        waiting: Waiting::new(reason, message),
        until,
    }
}

/// The registry tells when the store has changed: no need to ask.
fn store_not_ready(why: &str) -> Plan {
    wait(WaitingReason::StoreNotReady, why, None)
}

/// What follows from the end of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The job is done.
    Committed(Published),
    /// The job can't be done any more.
    Void,
    /// Another attempt, not before this moment.
    Retry(Box<Ended>, Timestamp),
    /// No more attempts.
    GiveUp(Box<Ended>),
}

/// Whether there is another attempt after the one that `evidence` tells of.
pub fn judge(
    evidence: &Evidence,
    status: &TranscodeJobStatus,
    bounds: Bounds,
    seed: &str,
    now: Timestamp,
) -> Verdict {
    let ended = match conclude(evidence) {
        End::Committed(published) => return Verdict::Committed(published),
        End::Void => return Verdict::Void,
        End::Ended(ended) => ended,
    };
    let (count, bound) = match ended.counts {
        super::outcome::Counts::Permanent => return Verdict::GiveUp(ended),
        super::outcome::Counts::Failure => (status.failures + 1, bounds.max_failures),
        super::outcome::Counts::Disruption => (status.disruptions + 1, bounds.max_disruptions + 1),
    };
    if count >= bound {
        return Verdict::GiveUp(ended);
    }
    let seed = format!("{seed}-{}", status.attempts_started);
    let pause = super::backoff::pause(count, &seed);
    let next = now.saturating_add(pause).unwrap_or(now);
    Verdict::Retry(
        ended,
        Timestamp::from_second(next.as_second()).unwrap_or(next),
    )
}

/// How often a job is tried, by its profile.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bounds {
    /// Failures after which it gives up.
    pub max_failures: i32,
    /// Disruptions that it bears.
    pub max_disruptions: i32,
}

#[cfg(test)]
mod tests;
