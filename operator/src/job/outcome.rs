//! How an attempt ended. Pure: the first rule that matches decides.
use jiff::Timestamp;
use vessel_crds::media::MediaFacts;
use vessel_crds::reason::{FailureClass, FailureReason};
use vessel_crds::transcode_job::{AttemptOutcome, Disruptor};
use vessel_storage::commit::Published;
use vessel_storage::verdict::{SOURCE_ETAG_BYTES, Verdict, VerdictOutcome};

use super::pod_end::PodEnd;
use super::waiting::Waiting;

/// Most memory that a pod gets after it ran out of it: 16 GiB, in bytes.
const MEMORY_CAP_BYTES: i64 = 16 << 30;

/// What the commit of a job says, read uncached.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum CommitSeen {
    /// Nobody has committed.
    #[default]
    None,
    /// This execution is what the job produced.
    Published(Published),
    /// The job was called off, or its storage is being freed.
    Void,
}

/// What became of the batch Job.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum JobEnd {
    /// It has not finished, but its pod has: the pod's evidence decides.
    Unfinished,
    /// It finished, by its own word (`Complete` or `Failed` with a reason).
    Finished(String),
    /// It is gone without a word: deleted by hand or by its TTL.
    Vanished,
    /// Its pod never started in time.
    NotStarted(Option<Waiting>),
    /// Its pod's node has not answered since this moment.
    NodeLost(Timestamp),
}

/// Everything that is known about an attempt that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The commit.
    pub commit: CommitSeen,
    /// The execution's own words: its `verdict.json` or its termination message.
    pub verdict: Option<Verdict>,
    /// The end of its pod.
    pub pod: Option<PodEnd>,
    /// The end of its Job.
    pub job: JobEnd,
    /// What happened before.
    pub history: History,
}

/// What happened in the attempts before this one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct History {
    /// Who interrupted the last attempt, if somebody did.
    pub last_disruptor: Option<Disruptor>,
    /// Memory limit of this attempt in bytes, if the pod has one.
    pub memory_limit_bytes: Option<i64>,
    /// Whether that limit was raised already.
    pub memory: MemoryRaised,
}

/// Whether a job's memory limit was raised already.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum MemoryRaised {
    /// The profile's own limit.
    #[default]
    No,
    /// Doubled after an attempt ran out of it.
    Yes,
}

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// The job has its commit.
    Committed(Published),
    /// The job can never have one.
    Void,
    /// The attempt ended without a commit.
    Ended(Box<Ended>),
}

/// An attempt that ended without a commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// How.
    pub outcome: AttemptOutcome,
    /// Why.
    pub reason: FailureReason,
    /// What happened and what to change.
    pub message: String,
    /// Whether it counts against the job.
    pub counts: Counts,
    /// Who interrupted it.
    pub disrupted_by: Option<Disruptor>,
    /// Memory limit of the next attempt in bytes, if it has to differ.
    pub next_memory_bytes: Option<i64>,
    /// What the source turned out to be, as far as it was found out.
    pub media: Option<MediaFacts>,
    /// ETag that the source had, if it was read.
    pub source_etag: Option<String>,
}

/// What an ended attempt counts as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Counts {
    /// Trying again can't help.
    Permanent,
    /// One of the job's failures.
    Failure,
    /// One of its disruptions.
    Disruption,
}

/// The rules of the attempt, in their order.
pub fn conclude(evidence: &Evidence) -> End {
    match &evidence.commit {
        CommitSeen::Published(published) => return End::Committed(published.clone()),
        CommitSeen::Void => return End::Void,
        CommitSeen::None => {}
    }
    let mut ended = by_verdict(evidence)
        .or_else(|| by_memory(evidence))
        .or_else(|| by_eviction(evidence))
        .or_else(|| by_disruption(evidence))
        .or_else(|| by_deadline(evidence))
        .unwrap_or_else(|| unexplained(evidence));
    // Whoever stopped the pod: what it has read stays read.
    ended.source_etag = evidence.verdict.as_ref().and_then(source_etag);
    End::Ended(Box::new(ended))
}

impl Ended {
    pub(super) fn new(reason: FailureReason, message: impl Into<String>) -> Self {
        let (outcome, counts) = match reason.class() {
            FailureClass::Permanent => (AttemptOutcome::Failed, Counts::Permanent),
            FailureClass::Retryable => (AttemptOutcome::Failed, Counts::Failure),
            FailureClass::Disruption => (AttemptOutcome::Disrupted, Counts::Disruption),
        };
        Self {
            outcome,
            reason,
            message: message.into(),
            counts,
            disrupted_by: None,
            next_memory_bytes: None,
            media: None,
            source_etag: None,
        }
    }
}

fn source_etag(verdict: &Verdict) -> Option<String> {
    let etag = verdict.source_etag.clone()?;
    (etag.len() <= SOURCE_ETAG_BYTES).then_some(etag)
}

/// An execution that was told to stop does not know why: the platform says.
fn by_verdict(evidence: &Evidence) -> Option<Ended> {
    let verdict = evidence.verdict.as_ref()?;
    if verdict.outcome == VerdictOutcome::Failed && verdict.reason == Some(FailureReason::Disrupted)
    {
        return None;
    }
    let mut ended = match verdict.outcome {
        VerdictOutcome::Failed => failed(verdict, evidence),
        VerdictOutcome::Cancelled => Ended::new(
            FailureReason::Disrupted,
            format!(
                "the pod stopped because it was told to: {}",
                verdict.message
            ),
        ),
        VerdictOutcome::Committed | VerdictOutcome::Superseded => Ended::new(
            FailureReason::Internal,
            "the pod says that the job is committed, but the bucket has no commit of it",
        ),
    };
    ended.media.clone_from(&verdict.media);
    Some(ended)
}

fn failed(verdict: &Verdict, evidence: &Evidence) -> Ended {
    let reason = verdict.reason.unwrap_or(FailureReason::Internal);
    if reason == FailureReason::OutOfMemory {
        return out_of_memory(&verdict.message, evidence);
    }
    let mut ended = Ended::new(reason, &verdict.message);
    if verdict.permanent {
        ended.outcome = AttemptOutcome::Failed;
        ended.counts = Counts::Permanent;
    }
    ended
}

fn by_memory(evidence: &Evidence) -> Option<Ended> {
    let pod = evidence.pod.as_ref()?;
    pod.out_of_memory()
        .then(|| out_of_memory("the pod was killed for its memory limit", evidence))
}

/// Once more with double the memory; a second time it is the profile that has to change.
fn out_of_memory(message: &str, evidence: &Evidence) -> Ended {
    let mut ended = Ended::new(FailureReason::OutOfMemory, message);
    let doubled = evidence
        .history
        .memory_limit_bytes
        .map(|limit| limit.saturating_mul(2).min(MEMORY_CAP_BYTES))
        .filter(|doubled| Some(*doubled) != evidence.history.memory_limit_bytes);
    let first = evidence.history.memory == MemoryRaised::No;
    ended.next_memory_bytes = doubled.filter(|_| first);
    if ended.next_memory_bytes.is_none() {
        ended.counts = Counts::Permanent;
        ended.message = format!(
            "{message}; raise execution.resources.limits.memory of the profile, then set spec.restartToken"
        );
    }
    ended
}

/// Evicted for a limit of its own: the platform would have said `DisruptionTarget`.
fn by_eviction(evidence: &Evidence) -> Option<Ended> {
    let pod = evidence.pod.as_ref()?;
    (pod.evicted() && pod.disruption.is_none()).then(|| {
        Ended::new(
            FailureReason::LimitExceeded,
            format!(
                "the pod was evicted for a limit of its own: {}",
                pod.message
            ),
        )
    })
}

fn by_disruption(evidence: &Evidence) -> Option<Ended> {
    if let JobEnd::NodeLost(since) = &evidence.job {
        return Some(disrupted(
            Disruptor::Platform,
            evidence,
            format!("the pod's node has not answered since {since}"),
        ));
    }
    let disruption = evidence.pod.as_ref()?.disruption.as_ref()?;
    let message = format!("{}: {}", disruption.reason, disruption.message);
    Some(disrupted(disruption.disruptor(), evidence, message))
}

/// The kubelet evicts again what uses too much of a node: twice running is the job's fault.
fn disrupted(by: Disruptor, evidence: &Evidence, message: String) -> Ended {
    let mut ended = Ended::new(FailureReason::Disrupted, message);
    ended.disrupted_by = Some(by);
    let again = evidence.history.last_disruptor == Some(Disruptor::Kubelet);
    if by == Disruptor::Kubelet && again {
        ended.counts = Counts::Failure;
    }
    ended
}

fn by_deadline(evidence: &Evidence) -> Option<Ended> {
    if let JobEnd::NotStarted(waiting) = &evidence.job {
        let why = waiting.as_ref().map_or_else(
            || "nothing says why".to_owned(),
            |waiting| format!("{}: {}", waiting.reason, waiting.message),
        );
        return Some(Ended::new(
            FailureReason::DeadlineExceeded,
            format!("the pod did not start in time ({why})"),
        ));
    }
    evidence.pod.as_ref()?.past_deadline().then(|| {
        Ended::new(
            FailureReason::DeadlineExceeded,
            "the attempt ran longer than execution.deadlineSeconds of its profile",
        )
    })
}

fn unexplained(evidence: &Evidence) -> Ended {
    let message = match (&evidence.pod, &evidence.job) {
        (Some(pod), _) if evidence.verdict.is_some() => {
            format!(
                "the pod was stopped, and nothing says by whom ({})",
                pod.describe()
            )
        }
        (Some(pod), _) => format!("the pod ended without a verdict ({})", pod.describe()),
        (None, JobEnd::Vanished) => "the batch Job disappeared before it had a result".to_owned(),
        (None, JobEnd::Finished(reason)) => {
            format!("the batch Job ended ({reason}) and left no pod to ask")
        }
        (None, _) => "the pod disappeared before it had a result".to_owned(),
    };
    Ended::new(FailureReason::Internal, message)
}

#[cfg(test)]
mod tests;
