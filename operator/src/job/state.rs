//! What a TranscodeJob's status says, as one value. Pure.
use crate::job::pod::job_name;
use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use vessel_crds::condition::{self, ConditionType};
use vessel_crds::transcode_job::{Attempt, Failure, Output, TranscodeJobStatus};
use vessel_crds::{Phase, TranscodeJob};

/// Reasons of a job's conditions that programs read.
pub mod reason {
    /// `Succeeded=False`: the storage is being freed, and nothing can be committed any more.
    pub const VOID: &str = "Void";
    /// `Admitted=False`: a foreign object bears the name of the batch Job.
    pub const NAME_TAKEN: &str = "NameTaken";
    /// `Admitted=False`: the job was not made by the operator.
    pub const UNTRUSTED: &str = "Untrusted";
    /// `Admitted=True`: it has a slot.
    pub const STARTED: &str = "Started";
    /// `Succeeded=True`: it was committed.
    pub const COMMITTED: &str = "Committed";
    /// `Succeeded=Unknown`: nothing is known yet.
    pub const PENDING: &str = "Pending";
    /// `Succeeded=Unknown`: a pod works on it.
    pub const RUNNING: &str = "Running";
}

/// Where a job stands, by its status.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum JobState<'a> {
    /// It waits, with the reason that its `Admitted` condition names.
    Pending,
    /// It has an attempt that has not ended.
    Running(&'a Attempt),
    /// It was committed.
    Succeeded(&'a Output),
    /// It has given up.
    Failed(&'a Failure),
    /// Its storage is being freed: another job has to do its work.
    Void,
    /// A newer version of Vessel wrote this: nothing is planned on its account.
    Unknown,
}

impl<'a> JobState<'a> {
    /// Where `job` stands.
    pub fn of(job: &'a TranscodeJob) -> Self {
        let Some(status) = &job.status else {
            return Self::Pending;
        };
        if is_void(status) {
            return Self::Void;
        }
        match (status.phase, &status.output, &status.failure) {
            (Phase::Unknown, _, _) => Self::Unknown,
            (Phase::Ready, Some(output), _) => Self::Succeeded(output),
            (Phase::Failed, _, Some(failure)) => Self::Failed(failure),
            _ => open_attempt(status).map_or(Self::Pending, Self::Running),
        }
    }

    /// Whether nothing will change any more.
    pub const fn is_terminal(&self) -> bool {
        matches!(self, Self::Succeeded(_) | Self::Failed(_) | Self::Void)
    }
}

fn is_void(status: &TranscodeJobStatus) -> bool {
    condition::find(&status.conditions, ConditionType::Succeeded)
        .is_some_and(|condition| condition.reason == reason::VOID)
}

/// The attempt that has not ended, if there is one: the last.
pub fn open_attempt(status: &TranscodeJobStatus) -> Option<&Attempt> {
    status
        .attempts
        .last()
        .filter(|attempt| attempt.outcome.is_none())
}

/// ETag that an earlier attempt found at the source. Each that found another one has failed
/// for good.
pub fn seen_etag(status: &TranscodeJobStatus) -> Option<&str> {
    let mut attempts = status.attempts.iter().rev();
    attempts.find_map(|attempt| attempt.source_etag.as_deref())
}

/// Name of the batch Job that the next attempt of `job` would be.
pub fn next_batch_job(job: &TranscodeJob) -> String {
    let started = job
        .status
        .as_ref()
        .map_or(0, |status| status.attempts_started);
    job_name(&job.name_any(), started.saturating_add(1))
}

/// Whether `job` would start at once if it had a slot. What can't use one must not hold up
/// the queue.
pub fn wants_slot(job: &TranscodeJob, now: Timestamp) -> bool {
    let due = job
        .status
        .as_ref()
        .and_then(|status| status.next_attempt_time.as_ref())
        .is_none_or(|time| time.0 <= now);
    due && !job.spec.scheduling.suspend
        && job.meta().deletion_timestamp.is_none()
        && JobState::of(job) == JobState::Pending
        && !is_held(job)
}

/// Whether something other than the queue keeps `job` from starting.
fn is_held(job: &TranscodeJob) -> bool {
    job.status
        .as_ref()
        .and_then(|status| condition::find(&status.conditions, ConditionType::Admitted))
        .is_some_and(|condition| {
            [reason::NAME_TAKEN, reason::UNTRUSTED].contains(&condition.reason.as_str())
        })
}
