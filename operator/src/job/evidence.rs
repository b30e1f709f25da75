//! What is known of the attempts of a job, from the caches. Nothing here asks anybody.
use super::outcome::{History, JobEnd, MemoryRaised};
use super::plan::{AttemptProgress, Leftover, Standing};
use super::pod::{job_name, memory_limit};
use super::pod_end::PodEnd;
use super::state::JobState;
use super::waiting;
use crate::caches::{Caches, controller_uid};
use crate::queue::unfinished;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::{Resource, ResourceExt};
use std::sync::Arc;
use vessel_crds::TranscodeJob;
use vessel_crds::transcode_job::{Attempt, TranscodeJobStatus};
use vessel_storage::verdict::Verdict;

/// A pod that was asked to go and does not is lost with its node after this.
const LOST_AFTER: SignedDuration = SignedDuration::from_secs(120);
/// A Job that no cache shows may just not have arrived there.
const UNSEEN: SignedDuration = SignedDuration::from_secs(15);
/// How long the Job of a committed TranscodeJob stays, for its log.
const LOG_KEPT: SignedDuration = SignedDuration::from_secs(600);

/// An attempt with its Job and its pod, as far as they are there.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The batch Job.
    pub job: Option<Arc<Job>>,
    /// Its pod: the newest, if there are several.
    pub pod: Option<Arc<Pod>>,
}

impl Observed {
    /// The attempt of that number, as the caches show it. A Job of that name that another
    /// controls is not it.
    pub fn attempt(caches: &Caches, transcode: &TranscodeJob, number: i32) -> Self {
        let namespace = transcode.namespace().unwrap_or_default();
        let job = caches
            .batch_job(&namespace, &job_name(&transcode.name_any(), number))
            .filter(|job| controller_uid(job.meta()) == transcode.meta().uid.as_deref());
        let uid = job.as_ref().and_then(|job| job.uid()).unwrap_or_default();
        let pod = caches
            .pods_of(&namespace, &uid)
            .into_iter()
            .max_by_key(|pod| pod.creation_timestamp().map(|time| time.0));
        Self { job, pod }
    }

    /// How the attempt goes.
    pub fn progress(&self, since: Timestamp, now: Timestamp) -> AttemptProgress {
        let Some(job) = &self.job else {
            let seen_late = now.duration_since(since) < UNSEEN;
            return if seen_late {
                AttemptProgress::Starting(None)
            } else {
                AttemptProgress::Ended
            };
        };
        if !unfinished(job) {
            return AttemptProgress::Ended;
        }
        let Some(pod) = &self.pod else {
            return AttemptProgress::Starting(None);
        };
        if PodEnd::of(pod).is_some() {
            return AttemptProgress::Ended;
        }
        if let Some(asked) = &pod.meta().deletion_timestamp {
            let lost_at = asked.0.saturating_add(LOST_AFTER).unwrap_or(Timestamp::MAX);
            return AttemptProgress::Leaving {
                since: asked.0,
                lost_at,
            };
        }
        if waiting::is_running(pod) {
            AttemptProgress::Running
        } else {
            AttemptProgress::Starting(waiting::of_pod(pod))
        }
    }

    /// What became of the Job, for an attempt that has ended.
    pub fn job_end(&self) -> JobEnd {
        match &self.job {
            None => JobEnd::Vanished,
            Some(job) if unfinished(job) => JobEnd::Unfinished,
            Some(job) => JobEnd::Finished(finish_reason(job)),
        }
    }

    /// The end of the pod.
    pub fn pod_end(&self) -> Option<PodEnd> {
        self.pod.as_deref().and_then(PodEnd::of)
    }
}

fn finish_reason(job: &Job) -> String {
    job.status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten())
        .find(|condition| {
            condition.status == "True" && matches!(condition.type_.as_str(), "Complete" | "Failed")
        })
        .map(|condition| {
            condition
                .reason
                .clone()
                .unwrap_or_else(|| condition.type_.clone())
        })
        .unwrap_or_default()
}

/// The execution's own words in the pod's termination message, if they fit their schema.
pub fn verdict(pod: &PodEnd) -> Option<Verdict> {
    serde_json::from_str(&pod.termination_message).ok()
}

/// Where `transcode` stands, for everything but trust.
pub fn standing(caches: &Caches, transcode: &TranscodeJob, now: Timestamp) -> Standing {
    match JobState::of(transcode) {
        JobState::Unknown => Standing::Unknown,
        JobState::Succeeded(_) => Standing::Terminal(leftover(caches, transcode)),
        JobState::Failed(_) | JobState::Void => {
            Standing::Terminal(unfinished_leftover(caches, transcode))
        }
        JobState::Running(attempt) => open(caches, transcode, attempt, now),
        JobState::Pending => idle(caches, transcode),
    }
}

fn open(caches: &Caches, transcode: &TranscodeJob, attempt: &Attempt, now: Timestamp) -> Standing {
    let since = attempt.start_time.as_ref().map_or(now, |time| time.0);
    let observed = Observed::attempt(caches, transcode, attempt.number);
    Standing::Open {
        number: attempt.number,
        since,
        progress: observed.progress(since, now),
    }
}

fn idle(caches: &Caches, transcode: &TranscodeJob) -> Standing {
    let number = transcode
        .status
        .as_ref()
        .map_or(0, |status| status.attempts_started)
        .saturating_add(1);
    match Observed::attempt(caches, transcode, number).job {
        Some(_) => Standing::Unrecorded { number },
        None => Standing::Idle,
    }
}

/// The Job of a committed TranscodeJob goes after a while; that of a failed one stays for its
/// log until its TTL.
fn leftover(caches: &Caches, transcode: &TranscodeJob) -> Leftover {
    let Some(status) = &transcode.status else {
        return Leftover::None;
    };
    let Some(done) = &status.completion_time else {
        return Leftover::None;
    };
    let job = Observed::attempt(caches, transcode, status.attempts_started).job;
    match job {
        Some(job) if job.meta().deletion_timestamp.is_none() => {
            Leftover::Until(done.0.saturating_add(LOG_KEPT).unwrap_or(done.0))
        }
        _ => Leftover::None,
    }
}

/// A job that has given up on an attempt that still runs ends it.
fn unfinished_leftover(caches: &Caches, transcode: &TranscodeJob) -> Leftover {
    let started = transcode
        .status
        .as_ref()
        .map_or(0, |status| status.attempts_started);
    let job = Observed::attempt(caches, transcode, started).job;
    match job {
        Some(job) if unfinished(&job) && job.meta().deletion_timestamp.is_none() => {
            Leftover::Until(Timestamp::MIN)
        }
        _ => Leftover::None,
    }
}

/// What happened in the attempts before the open one.
pub fn history(transcode: &TranscodeJob, status: &TranscodeJobStatus) -> History {
    let before = status
        .attempts
        .iter()
        .rev()
        .find(|attempt| attempt.outcome.is_some());
    History {
        last_disruptor: before.and_then(|attempt| attempt.disrupted_by),
        memory_limit_bytes: Some(
            status
                .memory_limit_bytes
                .unwrap_or_else(|| memory_limit(&transcode.spec.execution)),
        ),
        memory: match status.memory_limit_bytes {
            Some(_) => MemoryRaised::Yes,
            None => MemoryRaised::No,
        },
    }
}
